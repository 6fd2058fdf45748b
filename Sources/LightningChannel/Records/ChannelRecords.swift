package import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
package import LightningRecords
import LightningTransactions
import LightningWire

// Records on disk: versioned, and not the wire's structures.
extension PaymentChannel {
    /// Version 1 ended with the phase; since version 2 numbered fields follow, so that a new one is a number and not a version.
    static let headVersion: UInt8 = 2
    /// Since version 5 numbered fields follow.
    static let htlcVersion: UInt8 = 5

    /// What has to be stored of the changes since the last call. Every key begins with the channel's id.
    package mutating func drainWrites() -> [StoreWrite] {
        let prefix = id.bytes.array
        var writes: [StoreWrite] = []
        if isChanged { writes.append(.put(.channels, key: prefix, record: encodeHead())) }
        for key in changedHTLCs.sorted() {
            guard let htlc = commitments.htlcs[key], htlc.state != .receivedAddHTLC else { continue }
            writes.append(.put(.htlcs, key: prefix + key.bytes, record: Self.encode(htlc)))
        }
        for key in removedHTLCs.sorted() { writes.append(.delete(.htlcs, key: prefix + key.bytes)) }
        for (key, record) in revokedHTLCs.takeWrites() { writes.append(.put(.revokedHTLCs, key: prefix + key, record: record)) }
        // No other commitment can be published any more.
        if forgetsRevoked { writes.append(.deleteAll(.revokedHTLCs, prefix: prefix)) }
        isChanged = false
        forgetsRevoked = false
        changedHTLCs = []
        removedHTLCs = []
        return writes
    }

    /// Rebuilds a channel from its records, disconnected.
    ///
    /// What a penalty needs of HTLCs that are gone stays in the store until it is wanted.
    package init(head: [UInt8], htlcs: [[UInt8]]) throws(DecodingFailure) {
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
        let readiness = Confirming(isLocalReady: flags & 1 != 0, isRemoteReady: flags & 2 != 0)
        openedHeight = try reader.blockHeight()
        remoteAlias = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
        funding.shortChannelID = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
        funding.height = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.blockHeight() }
        funding.transaction = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            try Transaction(try r.variableBytes())
        }
        let script = { (r: inout ByteReader) throws(DecodingFailure) -> Script in Script(try r.variableBytes()) }
        var ending = ShuttingDown(readiness: readiness)
        ending.wanted = try reader.optional(script)
        ending.local = try reader.optional(script)
        ending.remote = try reader.optional(script)
        for _ in 0..<(try reader.count()) { ending.mutualCloses.append(try Transaction(try reader.variableBytes())) }
        let hasEnding = ending != ShuttingDown(readiness: readiness)
        phase = try Phase(from: &reader, LivePhase(readiness, hasEnding ? ending : nil))
        if version > 1 {
            try RecordFields<HeadField>.decode(&reader, of: "a channel record") { (field, value) throws(DecodingFailure) in
                try read(field, &value)
            }
        } else {
            // The first version did not know: what is not waiting for its funding transaction any more has seen it.
            funding.wasConfirmed = funding.height != nil || !isConfirming
            funding.inputs = funding.transaction?.inputs.map(\.previousOutput) ?? []
        }
        try reader.expectEnd()
        try checkRecord()
        isChanged = false
    }

    func encodeHead() -> [UInt8] {
        var writer = ByteWriter(capacity: 1500)
        writer.uint8(Self.headVersion)
        parameters.encode(to: &writer)
        commitments.encode(to: &writer)
        let (readiness, ending) = (phase.live.readiness, phase.live.ending)
        writer.uint8((readiness.isLocalReady ? 1 : 0) | (readiness.isRemoteReady ? 2 : 0))
        writer.blockHeight(openedHeight)
        writer.optional(remoteAlias) { $0.shortChannelID($1) }
        writer.optional(funding.shortChannelID) { $0.shortChannelID($1) }
        writer.optional(funding.height) { $0.blockHeight($1) }
        writer.optional(funding.transaction) { $0.variableBytes($1.serialized()) }
        writer.optional(ending?.wanted) { $0.variableBytes($1.bytes) }
        writer.optional(ending?.local) { $0.variableBytes($1.bytes) }
        writer.optional(ending?.remote) { $0.variableBytes($1.bytes) }
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
        /// What versions after 0.2.0 know of a close: its HTLCs, and the claims that were published.
        case closeDetails = 7
        /// What pays for our commitment while it is not mined.
        case commitmentBump = 8
        /// Present where our data may be older than the peer's.
        case possiblyBehind = 9
        /// What the owner wants the closing transaction to pay.
        case closingFeeRate = 10
        /// The peer's commitment that waits in the mempool, while ours is published.
        case seenCommitment = 11
        /// What the owner wants our commitment and its child to pay together.
        case commitmentFeeRate = 12
    }

    /// What is written of a field: nothing where there is no value.
    private func value(of field: HeadField) -> [UInt8]? {
        switch field {
        case .keySalt: parameters.keyOrigin.salt?.array
        case .sweepScript: sweepScript?.bytes
        case .fundingInputs:
            funding.inputs.isEmpty ? nil : ByteWriter.bytes { for input in funding.inputs { input.encode(to: &$0) } }
        case .fundingConflict:
            funding.conflict.map { conflict in
                ByteWriter.bytes {
                    $0.write(conflict.transaction)
                    $0.blockHeight(conflict.height)
                }
            }
        case .flags: [(funding.wasConfirmed ? 1 : 0) | (hasTakenWrittenOff ? 2 : 0) | (isRecovered ? 4 : 0)]
        case .revokedRecords: revokedHTLCs.count == 0 ? nil : ByteWriter.bytes { $0.uint32(revokedHTLCs.count) }
        case .closeDetails: close?.detailsRecord
        case .commitmentBump:
            phase.bump.map { bump in ByteWriter.bytes { bump.encode(to: &$0) } }
        case .possiblyBehind: isPossiblyBehind ? (isKnownOld ? [1] : []) : nil
        case .seenCommitment: seenCommitment?.serialized()
        case .commitmentFeeRate: phase.commitmentFeeRate.map { rate in ByteWriter.bytes { $0.uint32(rate.perKiloweight) } }
        case .closingFeeRate: phase.live.ending?.feeRate.map { rate in ByteWriter.bytes { $0.uint32(rate.perKiloweight) } }
        }
    }

    private mutating func read(_ field: HeadField, _ value: inout ByteReader) throws(DecodingFailure) {
        switch field {
        case .keySalt: parameters.keyOrigin.salt = try value.bytes32()
        case .sweepScript: sweepScript = Script(value.rest())
        case .fundingInputs: while !value.isAtEnd { funding.inputs.append(try OutPoint(from: &value)) }
        case .fundingConflict:
            funding.conflict = Funding.Conflict(transaction: TransactionID(try value.bytes32()), height: try value.blockHeight())
        case .flags:
            let flags = try value.uint8()
            funding.wasConfirmed = flags & 1 != 0
            hasTakenWrittenOff = flags & 2 != 0
            isRecovered = flags & 4 != 0
        case .revokedRecords: revokedHTLCs = RevokedHTLCLog(count: try value.uint32())
        case .possiblyBehind:
            isPossiblyBehind = true
            if !value.isAtEnd { isKnownOld = try value.uint8() == 1 }
        case .seenCommitment: seenCommitment = try Transaction(value.rest())
        case .commitmentFeeRate:
            let rate = FeeRate(perKiloweight: try value.uint32())
            try phase.changePayment { _, wanted in wanted = rate }
        case .closingFeeRate:
            guard case .shuttingDown(var ending) = phase.live else { throw .invalid("closing fee of a channel record") }
            ending.feeRate = FeeRate(perKiloweight: try value.uint32())
            phase.live = .shuttingDown(ending)
        case .closeDetails:
            switch phase {
            case .closing(var closing):
                try closing.close.readDetails(&value)
                phase = .closing(closing)
            case .closed(var closing):
                try closing.close.readDetails(&value)
                phase = .closed(closing)
            case .live, .failed, .dataLost: throw .invalid("close of a channel record")
            }
        case .commitmentBump:
            let attempt = try ClaimAttempt(from: &value)
            try phase.changePayment { bump, _ in bump = attempt }
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
        writer.cltvExpiry(htlc.cltvExpiry)
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
            cltvExpiry: try reader.cltvExpiry(), onion: try reader.variableBytes(), state: state)
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
    package func difference(
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
