package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// A close within its channel's record.
extension ChannelClose {
    package func encode(to writer: inout ByteWriter) {
        writer.uint8(kind.rawValue)
        writer.write(transaction)
        writer.blockHeight(height)
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
                writer.blockHeight(height)
            case .claiming(let id):
                writer.uint8(1)
                writer.write(id)
            case .resolved(let id, let height, let isOurs):
                writer.uint8(2)
                writer.write(id)
                writer.blockHeight(height)
                writer.uint8(isOurs ? 1 : 0)
            case .abandoned: writer.uint8(3)
            case .unresolved: writer.uint8(4)
            }
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        guard let kind = CloseKind(rawValue: try reader.uint8()) else { throw .invalid("kind of close") }
        self.kind = kind
        transaction = TransactionID(try reader.bytes32())
        height = try reader.blockHeight()
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
            case 0: status = .waiting(height: try reader.blockHeight())
            case 1: status = .claiming(TransactionID(try reader.bytes32()))
            case 2:
                status = .resolved(
                    by: TransactionID(try reader.bytes32()), height: try reader.blockHeight(),
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

// What later versions keep of a close, in a field of its own.
extension ChannelClose {
    /// `nil` where there is nothing that the first part of the record does not say.
    package var detailsRecord: [UInt8]? {
        let extras = outputs.enumerated().filter { $1.htlc != nil || $1.step != nil || $1.setbacks != 0 }
        guard fee != nil || !htlcs.isEmpty || !attempts.isEmpty || !extras.isEmpty else { return nil }
        return ByteWriter.bytes { writer in
            writer.optional(fee) { $0.satoshi($1) }
            writer.compactSize(htlcs.count)
            for htlc in htlcs { htlc.encode(to: &writer) }
            writer.compactSize(attempts.count)
            for attempt in attempts { attempt.encode(to: &writer) }
            writer.compactSize(extras.count)
            for (index, output) in extras {
                writer.uint32(UInt32(index))
                writer.optional(output.htlc) { $1.encode(to: &$0) }
                writer.optional(output.step) { writer, step in
                    writer.variableBytes(step.transaction.serialized())
                    writer.write(step.peerSignature.compact)
                }
                writer.uint8(output.setbacks)
            }
        }
    }

    package mutating func readDetails(_ reader: inout ByteReader) throws(DecodingFailure) {
        fee = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.satoshi() }
        for _ in 0..<(try reader.count(minimum: 50)) { htlcs.append(try ClosingHTLC(from: &reader)) }
        for _ in 0..<(try reader.count(minimum: 20)) { attempts.append(try ClaimAttempt(from: &reader)) }
        for _ in 0..<(try reader.count(minimum: 7)) {
            let index = Int(try reader.uint32())
            guard outputs.indices.contains(index) else { throw .invalid("output of a close") }
            outputs[index].htlc = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try HTLCKey(from: &r) }
            outputs[index].step = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
                let transaction = try Transaction(try r.variableBytes())
                guard transaction.inputs.count == 1, transaction.outputs.count == 1, let signature = ECDSASignature(compact: try r.read(64))
                else { throw .invalid("HTLC transaction of a close") }
                return HTLCStep(transaction: transaction, peerSignature: signature)
            }
            outputs[index].setbacks = try reader.uint8()
        }
    }
}
