public import BitcoinPrimitives
import CryptoPrimitives
public import LightningRecords
import LightningTransactions
import LightningWire

// Records on disk: versioned, and not the wire's structures.
extension PaymentChannel {
    /// Version 1 ended with the phase; since version 2 numbered fields follow, so that a new one is a number and not a version.
    static let headVersion: UInt8 = 2
    /// Since version 5 numbered fields follow.
    static let htlcVersion: UInt8 = 5

    /// What has to be stored of the changes since the last call. Every key begins with the channel's id.
    public mutating func drainWrites() -> [StoreWrite] {
        let prefix = id.bytes.array
        var writes: [StoreWrite] = []
        if isChanged { writes.append(.put(.channels, key: prefix, record: encodeHead())) }
        for key in changedHTLCs.sorted() {
            guard let htlc = commitments.htlcs[key], htlc.state != .receivedAddHTLC else { continue }
            writes.append(.put(.htlcs, key: prefix + key.bytes, record: Self.encode(htlc)))
        }
        for key in removedHTLCs.sorted() { writes.append(.delete(.htlcs, key: prefix + key.bytes)) }
        for (key, record) in revokedHTLCs.takeWrites() { writes.append(.put(.revokedHTLCs, key: prefix + key, record: record)) }
        // No commitment of a channel that is closed for good can be published any more.
        if isClosed, isChanged { writes.append(.deleteAll(.revokedHTLCs, prefix: prefix)) }
        isChanged = false
        changedHTLCs = []
        removedHTLCs = []
        return writes
    }

    /// Rebuilds a channel from its records, disconnected.
    ///
    /// What a penalty needs of HTLCs that are gone stays in the store until it is wanted.
    public init(head: [UInt8], htlcs: [[UInt8]]) throws(DecodingFailure) {
        var reader = ByteReader(head)
        let version = try reader.uint8()
        guard (1...Self.headVersion).contains(version) else { throw .invalid("version of a channel record") }
        let parameters = try ChannelParameters(from: &reader)
        var state = try CommitmentState(from: &reader)
        for record in htlcs {
            let htlc = try Self.decodeHTLC(record)
            state.htlcs[htlc.key] = htlc
        }
        self.init(
            parameters: parameters, commitments: state, fundingTransaction: nil, openedHeight: 0,
            connection: .disconnected)
        let flags = try reader.uint8()
        isLocalReady = flags & 1 != 0
        isRemoteReady = flags & 2 != 0
        openedHeight = Int(try reader.uint32())
        remoteAlias = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
        shortChannelID = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
        fundingHeight = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in Int(try r.uint32()) }
        fundingTransaction = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            try Transaction(try r.variableBytes())
        }
        let script = { (r: inout ByteReader) throws(DecodingFailure) -> Script in Script(try r.variableBytes()) }
        wantedShutdown = try reader.optional(script)
        localShutdown = try reader.optional(script)
        remoteShutdown = try reader.optional(script)
        for _ in 0..<(try reader.count()) { mutualCloses.append(try Transaction(try reader.variableBytes())) }
        phase = try Phase(from: &reader)
        if version > 1 {
            try RecordFields<HeadField>.decode(&reader, of: "a channel record") { (field, value) throws(DecodingFailure) in
                try read(field, &value)
            }
        } else {
            // The first version did not know: what is not waiting for its funding transaction any more has seen it.
            wasFunded = fundingHeight != nil || phase != .funding
            fundingInputs = fundingTransaction?.inputs.map(\.previousOutput) ?? []
        }
        try reader.expectEnd()
        try checkRecord()
        isChanged = false
    }

    private func encodeHead() -> [UInt8] {
        var writer = ByteWriter(capacity: 1500)
        writer.uint8(Self.headVersion)
        parameters.encode(to: &writer)
        commitments.encode(to: &writer)
        writer.uint8((isLocalReady ? 1 : 0) | (isRemoteReady ? 2 : 0))
        writer.uint32(UInt32(openedHeight))
        writer.optional(remoteAlias) { $0.shortChannelID($1) }
        writer.optional(shortChannelID) { $0.shortChannelID($1) }
        writer.optional(fundingHeight) { $0.uint32(UInt32($1)) }
        writer.optional(fundingTransaction) { $0.variableBytes($1.serialized()) }
        writer.optional(wantedShutdown) { $0.variableBytes($1.bytes) }
        writer.optional(localShutdown) { $0.variableBytes($1.bytes) }
        writer.optional(remoteShutdown) { $0.variableBytes($1.bytes) }
        writer.compactSize(mutualCloses.count)
        for transaction in mutualCloses { writer.variableBytes(transaction.serialized()) }
        phase.encode(to: &writer)
        var fields = RecordFields<HeadField>()
        for field in HeadField.allCases { fields.put(field, value(of: field)) }
        fields.encode(to: &writer)
        return writer.bytes
    }

    /// The numbered fields at the end of a head.
    private enum HeadField: UInt8, CaseIterable {
        case keySalt = 1
        case sweepScript = 2
        case fundingInputs = 3
        case fundingConflict = 4
        case flags = 5
        case revokedRecords = 6
    }

    /// What is written of a field: nothing where there is no value.
    private func value(of field: HeadField) -> [UInt8]? {
        switch field {
        case .keySalt: parameters.keyOrigin.salt?.array
        case .sweepScript: sweepScript?.bytes
        case .fundingInputs:
            fundingInputs.isEmpty ? nil : ByteWriter.bytes { for input in fundingInputs { input.encode(to: &$0) } }
        case .fundingConflict:
            fundingConflict.map { conflict in
                ByteWriter.bytes {
                    $0.write(conflict.transaction)
                    $0.uint32(UInt32(conflict.height))
                }
            }
        case .flags: [(wasFunded ? 1 : 0) | (hasTakenWrittenOff ? 2 : 0)]
        case .revokedRecords: revokedHTLCs.count == 0 ? nil : ByteWriter.bytes { $0.uint32(revokedHTLCs.count) }
        }
    }

    private mutating func read(_ field: HeadField, _ value: inout ByteReader) throws(DecodingFailure) {
        switch field {
        case .keySalt: parameters.keyOrigin.salt = try value.bytes32()
        case .sweepScript: sweepScript = Script(value.rest())
        case .fundingInputs: while !value.isAtEnd { fundingInputs.append(try OutPoint(from: &value)) }
        case .fundingConflict:
            fundingConflict = FundingConflict(transaction: TransactionID(try value.bytes32()), height: Int(try value.uint32()))
        case .flags:
            let flags = try value.uint8()
            wasFunded = flags & 1 != 0
            hasTakenWrittenOff = flags & 2 != 0
        case .revokedRecords: revokedHTLCs = RevokedHTLCLog(count: try value.uint32())
        }
    }

    /// The numbered fields at the end of an HTLC's row.
    private enum HTLCField: UInt8 {
        case origin = 1
    }

    /// An HTLC's row. A removal that the remote has not committed to is not written: BOLT 2 forgets it.
    static func encode(_ htlc: HTLC) -> [UInt8] {
        var writer = ByteWriter(capacity: 1500)
        let isForgotten = htlc.state == .receivedRemoveHTLC
        writer.uint8(htlcVersion)
        writer.uint8((isForgotten ? .sentAddAckRevocation : htlc.state).rawValue)
        writer.uint64(htlc.id)
        writer.milliSatoshi(htlc.amount)
        writer.write(htlc.paymentHash)
        writer.uint32(htlc.cltvExpiry)
        writer.variableBytes(htlc.onion)
        writer.optional(htlc.firstRemoteCommitment) { $0.uint64($1) }
        writer.optional(isForgotten ? nil : htlc.resolution) { writer, resolution in
            switch resolution {
            case .fulfilled(let preimage):
                writer.uint8(0)
                writer.write(preimage)
            case .failed(let reason):
                writer.uint8(1)
                writer.variableBytes(reason)
            case .malformed(let hash, let code):
                writer.uint8(2)
                writer.write(hash)
                writer.uint16(code)
            }
        }
        writer.variableBytes(isForgotten ? [] : htlc.attribution)
        writer.optional(htlc.pathKey) { writer, key in writer.point(key) }
        writer.uint8(htlc.isWrittenOff ? 1 : 0)
        var fields = RecordFields<HTLCField>()
        fields.put(.origin, htlc.origin.map { origin in ByteWriter.bytes { origin.encode(to: &$0) } })
        fields.encode(to: &writer)
        return writer.bytes
    }

    static func decodeHTLC(_ record: [UInt8]) throws(DecodingFailure) -> HTLC {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...htlcVersion).contains(version) else { throw .invalid("version of an HTLC record") }
        guard let state = HTLCState(rawValue: try reader.uint8()) else { throw .invalid("HTLC state") }
        var htlc = HTLC(
            id: try reader.uint64(), amount: try reader.milliSatoshi(), paymentHash: PaymentHash(try reader.bytes32()),
            cltvExpiry: try reader.uint32(), onion: try reader.variableBytes(), state: state)
        htlc.firstRemoteCommitment = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            try r.uint64()
        }
        htlc.resolution = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) -> HTLC.Resolution in
            switch try r.uint8() {
            case 0: return .fulfilled(PaymentPreimage(try r.bytes32()))
            // Earlier versions kept what would not fit into a message any more.
            case 1: return HTLC.Resolution.failed(reason: try r.variableBytes()).bounded
            case 2: return .malformed(onionHash: try r.bytes32(), code: try r.uint16())
            default: throw .invalid("HTLC resolution")
            }
        }
        if version > 1 { htlc.attribution = try reader.variableBytes() }
        if version > 2 { htlc.pathKey = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.point() } }
        if version > 3 { htlc.isWrittenOff = try reader.uint8() & 1 != 0 }
        if version > 4 {
            try RecordFields<HTLCField>.decode(&reader, of: "an HTLC record") { (field, value) throws(DecodingFailure) in
                switch field {
                case .origin: htlc.origin = try HTLCOrigin(from: &value)
                }
            }
        }
        try reader.expectEnd()
        return htlc
    }

    /// What differs between this channel and the one its records rebuild, or `nil`: a check for tests and simulations.
    ///
    /// - Parameter revoked: looks up a row of revoked HTLCs, by the rest of its key after the channel's id.
    public func difference(
        head: [UInt8], htlcs: [[UInt8]], revoked: (_ key: [UInt8]) -> [UInt8]?
    ) throws(DecodingFailure) -> String? {
        var expected = self
        expected.dropConnection()
        let restored = try PaymentChannel(head: head, htlcs: htlcs)
        if restored.phase != expected.phase { return "phase" }
        if restored.parameters != expected.parameters { return "parameters" }
        if restored.commitments.htlcs != expected.commitments.htlcs { return "HTLCs" }
        if restored.commitments != expected.commitments { return "commitments" }
        if restored.encodeHead() != expected.encodeHead() { return "head" }
        if !isClosed, let (key, record) = revokedHTLCs.currentRecord {
            guard revoked(key) == record, try RevokedHTLCLog.decode(record) == revokedHTLCs.current else { return "revoked HTLCs" }
        }
        return nil
    }
}

extension ChannelTerms {
    func encode(to writer: inout ByteWriter) {
        writer.satoshi(dustLimit)
        writer.milliSatoshi(maxHTLCValueInFlight)
        writer.satoshi(channelReserve)
        writer.milliSatoshi(htlcMinimum)
        writer.uint16(toSelfDelay)
        writer.uint16(maxAcceptedHTLCs)
        keys.encode(to: &writer)
        writer.point(firstPerCommitmentPoint)
        writer.optional(upfrontShutdownScript) { $0.variableBytes($1.bytes) }
    }

    init(record reader: inout ByteReader) throws(DecodingFailure) {
        let dustLimit = try reader.satoshi()
        let inFlight = try reader.milliSatoshi()
        let reserve = try reader.satoshi()
        let minimum = try reader.milliSatoshi()
        let delay = try reader.uint16()
        let accepted = try reader.uint16()
        let keys = try ChannelBasepoints(from: &reader)
        let point = try reader.point()
        let script = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            Script(try r.variableBytes())
        }
        self.init(
            dustLimit: dustLimit, maxHTLCValueInFlight: inFlight, channelReserve: reserve, htlcMinimum: minimum,
            toSelfDelay: delay, maxAcceptedHTLCs: accepted, keys: keys, firstPerCommitmentPoint: point,
            upfrontShutdownScript: script)
    }
}

extension ChannelParameters {
    func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.point(remoteNodeID)
        writer.uint64(keyOrigin.index)
        writer.uint8((isOpener ? 1 : 0) | (announce ? 2 : 0))
        writer.variableBytes(channelType.features.bytes)
        funding.encode(to: &writer)
        writer.satoshi(fundingAmount)
        writer.milliSatoshi(push)
        writer.uint32(initialFeeRate.perKiloweight)
        local.encode(to: &writer)
        remote.encode(to: &writer)
        writer.uint32(minimumDepth)
        writer.shortChannelID(localAlias)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        remoteNodeID = try reader.point()
        keyOrigin = ChannelKeyOrigin(index: try reader.uint64(), salt: nil)
        let flags = try reader.uint8()
        isOpener = flags & 1 != 0
        announce = flags & 2 != 0
        channelType = ChannelType(FeatureBits(try reader.variableBytes()))
        funding = try OutPoint(from: &reader)
        fundingAmount = try reader.satoshi()
        push = try reader.milliSatoshi()
        initialFeeRate = FeeRate(perKiloweight: try reader.uint32())
        local = try ChannelTerms(record: &reader)
        remote = try ChannelTerms(record: &reader)
        minimumDepth = try reader.uint32()
        localAlias = try reader.shortChannelID()
    }
}

extension CommitmentState {
    func encode(to writer: inout ByteWriter) {
        // What the remote has not committed to is as if it had never come.
        let uncommitted = htlcs.values.count { $0.state == .receivedAddHTLC }
        writer.uint64(localNumber)
        writer.uint64(remoteNumber)
        writer.uint8(awaitsRevocation ? 1 : 0)
        writer.uint8(lastSent.rawValue)
        writer.milliSatoshi(toLocal)
        writer.milliSatoshi(toRemote)
        writer.uint32(feeRate.perKiloweight)
        let fees = feeUpdates.filter { $0.state != .receivedAddHTLC }
        writer.compactSize(fees.count)
        for update in fees {
            writer.uint32(update.feeRate.perKiloweight)
            writer.uint8(update.state.rawValue)
        }
        writer.uint64(nextLocalID)
        writer.uint64(nextRemoteID - UInt64(uncommitted))
        writer.write(signature.compact)
        writer.compactSize(htlcSignatures.count)
        for signature in htlcSignatures { writer.write(signature.compact) }
        writer.point(remotePoint)
        writer.optional(remoteNextPoint) { $0.point($1) }
        remoteSecrets.encode(to: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        localNumber = try reader.uint64()
        remoteNumber = try reader.uint64()
        awaitsRevocation = try reader.uint8() == 1
        guard let last = LastSent(rawValue: try reader.uint8()) else { throw .invalid("last message sent") }
        lastSent = last
        toLocal = try reader.milliSatoshi()
        toRemote = try reader.milliSatoshi()
        feeRate = FeeRate(perKiloweight: try reader.uint32())
        for _ in 0..<(try reader.count()) {
            let rate = FeeRate(perKiloweight: try reader.uint32())
            guard let state = HTLCState(rawValue: try reader.uint8()) else { throw .invalid("fee state") }
            feeUpdates.append(.init(feeRate: rate, state: state))
        }
        nextLocalID = try reader.uint64()
        nextRemoteID = try reader.uint64()
        func signature(_ reader: inout ByteReader) throws(DecodingFailure) -> ECDSASignature {
            guard let value = ECDSASignature(compact: try reader.read(64)) else { throw .invalid("signature") }
            return value
        }
        self.signature = try signature(&reader)
        for _ in 0..<(try reader.count(minimum: 64)) { htlcSignatures.append(try signature(&reader)) }
        remotePoint = try reader.point()
        remoteNextPoint = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.point() }
        remoteSecrets = try PerCommitmentSecretStore(from: &reader)
    }
}

extension PaymentChannel.Phase {
    func encode(to writer: inout ByteWriter) {
        switch self {
        case .funding: writer.uint8(0)
        case .normal: writer.uint8(1)
        case .failed(let reason):
            writer.uint8(2)
            writer.variableBytes(Array(reason.utf8))
        case .dataLost: writer.uint8(3)
        case .closing(let close):
            writer.uint8(4)
            close.encode(to: &writer)
        case .closed(let close):
            writer.uint8(5)
            close.encode(to: &writer)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.uint8() {
        case 0: self = .funding
        case 1: self = .normal
        case 2: self = .failed(reason: String(decoding: try reader.variableBytes(), as: UTF8.self))
        case 3: self = .dataLost
        case 4: self = .closing(try ChannelClose(from: &reader))
        case 5: self = .closed(try ChannelClose(from: &reader))
        default: throw .invalid("channel phase")
        }
    }
}

extension ChannelClose {
    func encode(to writer: inout ByteWriter) {
        writer.uint8(kind.rawValue)
        writer.write(transaction)
        writer.uint32(UInt32(height))
        writer.optional(commitmentNumber) { $0.uint64($1) }
        writer.optional(point) { $0.point($1) }
        writer.uint8(wasDataLost ? 1 : 0)
        writer.optional(failure) { $0.variableBytes(Array($1.utf8)) }
        writer.compactSize(outputs.count)
        for output in outputs {
            output.outPoint.encode(to: &writer)
            output.output.encode(to: &writer)
            writer.uint8(output.role.rawValue)
            writer.optional(output.witnessScript) { $0.variableBytes($1.bytes) }
            switch output.status {
            case .waiting(let height):
                writer.uint8(0)
                writer.uint32(UInt32(height))
            case .claiming(let id):
                writer.uint8(1)
                writer.write(id)
            case .resolved(let id, let height, let isOurs):
                writer.uint8(2)
                writer.write(id)
                writer.uint32(UInt32(height))
                writer.uint8(isOurs ? 1 : 0)
            case .abandoned: writer.uint8(3)
            case .unresolved: writer.uint8(4)
            }
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        guard let kind = CloseKind(rawValue: try reader.uint8()) else { throw .invalid("kind of close") }
        self.kind = kind
        transaction = TransactionID(try reader.bytes32())
        height = Int(try reader.uint32())
        commitmentNumber = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.uint64() }
        point = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.point() }
        wasDataLost = try reader.uint8() == 1
        failure = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            String(decoding: try r.variableBytes(), as: UTF8.self)
        }
        outputs = []
        for _ in 0..<(try reader.count(minimum: 40)) {
            let outPoint = try OutPoint(from: &reader)
            let output = try TransactionOutput(from: &reader)
            guard let role = Role(rawValue: try reader.uint8()) else { throw .invalid("role of an output") }
            let script = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
                Script(try r.variableBytes())
            }
            let status: Status
            switch try reader.uint8() {
            case 0: status = .waiting(height: Int(try reader.uint32()))
            case 1: status = .claiming(TransactionID(try reader.bytes32()))
            case 2:
                status = .resolved(
                    by: TransactionID(try reader.bytes32()), height: Int(try reader.uint32()),
                    isOurs: try reader.uint8() == 1)
            case 3: status = .abandoned
            case 4: status = .unresolved
            default: throw .invalid("status of an output")
            }
            outputs.append(
                Output(outPoint: outPoint, output: output, role: role, status: status, witnessScript: script))
        }
    }
}
