public import CryptoPrimitives

/// A transaction's identifier: the double SHA-256 of its serialization without witness.
///
/// `description` is in the order people print (reversed); the bytes are in wire order.
public struct TransactionID: Identifier32 {
    public var bytes: Bytes32
    public init(_ bytes: Bytes32) { self.bytes = bytes }

    /// From the text form, in which the bytes are reversed.
    public init?(display text: some StringProtocol) {
        guard let value = Bytes32(hex: text) else { return nil }
        bytes = value.reversed
    }

    public var description: String { bytes.reversed.hex }
}

/// A reference to one output of one transaction.
public struct OutPoint: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var transaction: TransactionID
    public var index: UInt32

    public init(_ transaction: TransactionID, _ index: UInt32) {
        self.transaction = transaction
        self.index = index
    }

    /// The null outpoint of a coinbase input.
    public static let null = OutPoint(TransactionID(.zero), .max)

    public var description: String { "\(transaction):\(index)" }

    public static func < (left: OutPoint, right: OutPoint) -> Bool {
        left.transaction == right.transaction ? left.index < right.index : left.transaction < right.transaction
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(transaction)
        writer.littleEndian32(index)
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        transaction = TransactionID(try reader.bytes32())
        index = try reader.littleEndian32()
    }
}

public struct TransactionInput: Hashable, Sendable {
    public var previousOutput: OutPoint
    public var signatureScript: Script
    public var sequence: UInt32
    public var witness: [[UInt8]]

    public init(
        _ previousOutput: OutPoint, signatureScript: Script = Script(), sequence: UInt32 = .max,
        witness: [[UInt8]] = []
    ) {
        self.previousOutput = previousOutput
        self.signatureScript = signatureScript
        self.sequence = sequence
        self.witness = witness
    }
}

public struct TransactionOutput: Hashable, Sendable {
    public var amount: Satoshi
    public var script: Script

    public init(_ amount: Satoshi, _ script: Script) {
        self.amount = amount
        self.script = script
    }

    public func encode(to writer: inout ByteWriter) {
        writer.littleEndian64(amount.value)
        writer.variableBytes(script.bytes)
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        amount = Satoshi(try reader.littleEndian64())
        script = Script(try reader.variableBytes())
    }
}

/// A Bitcoin transaction (BIP 144 serialization).
public struct Transaction: Hashable, Sendable {
    /// What a block's miner pays itself can be spent in the block so many later, and not before.
    public static let coinbaseMaturity = 100

    public var version: UInt32
    public var inputs: [TransactionInput]
    public var outputs: [TransactionOutput]
    public var lockTime: UInt32

    public init(
        version: UInt32 = 2, inputs: [TransactionInput] = [], outputs: [TransactionOutput] = [], lockTime: UInt32 = 0
    ) {
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.lockTime = lockTime
    }

    public var hasWitness: Bool { inputs.contains { !$0.witness.isEmpty } }

    /// Whether this is a block's first transaction: one input that refers to nothing.
    public var isCoinbase: Bool { inputs.count == 1 && inputs[0].previousOutput == .null }

    public var id: TransactionID { TransactionID(Hash.sha256d(serialized(withWitness: false))) }

    /// BIP 141's wtxid.
    public var witnessID: Bytes32 { Hash.sha256d(serialized()) }

    /// BIP 141: three times the size without witness plus the whole size.
    public var weight: Int {
        let stripped = strippedSize
        return stripped * 4 + witnessSize
    }

    /// The size of the serialization without witness.
    public var strippedSize: Int {
        var size = 8 + ByteWriter.compactSizeLength(inputs.count) + ByteWriter.compactSizeLength(outputs.count)
        for input in inputs { size += 40 + ByteWriter.variableLength(input.signatureScript.bytes) }
        for output in outputs { size += 8 + ByteWriter.variableLength(output.script.bytes) }
        return size
    }

    /// The size of the whole serialization.
    public var totalSize: Int { strippedSize + witnessSize }

    /// What the witnesses add to the serialization.
    private var witnessSize: Int {
        guard hasWitness else { return 0 }
        var size = 2
        for input in inputs {
            size += ByteWriter.compactSizeLength(input.witness.count)
            for element in input.witness { size += ByteWriter.variableLength(element) }
        }
        return size
    }

    /// BIP 141: weight over four, rounded up.
    public var virtualSize: Int { (weight + 3) / 4 }

    public func serialized(withWitness: Bool = true) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        encode(to: &writer, withWitness: withWitness)
        return writer.bytes
    }

    public func encode(to writer: inout ByteWriter, withWitness: Bool = true) {
        let witness = withWitness && hasWitness
        writer.littleEndian32(version)
        if witness { writer.write([0, 1]) }
        writer.compactSize(inputs.count)
        for input in inputs {
            input.previousOutput.encode(to: &writer)
            writer.variableBytes(input.signatureScript.bytes)
            writer.littleEndian32(input.sequence)
        }
        writer.compactSize(outputs.count)
        for output in outputs { output.encode(to: &writer) }
        if witness {
            for input in inputs {
                writer.compactSize(input.witness.count)
                for element in input.witness { writer.variableBytes(element) }
            }
        }
        writer.littleEndian32(lockTime)
    }

    /// Parses a whole transaction; bytes behind it are an error.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.expectEnd()
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        version = try reader.littleEndian32()
        lockTime = 0
        inputs = []
        outputs = []
        var inputCount = try reader.count()
        var flag: UInt8 = 0
        if inputCount == 0 {
            flag = try reader.uint8()
            // BIP 144: "The flag MUST be a 1-byte non-zero value. Currently, 0x01 MUST be used."
            guard flag <= 1 else { throw .invalid("transaction flag") }
            if flag == 1 { inputCount = try reader.count(minimum: 41) }
        }
        if flag == 0 && inputCount == 0 {
            // A transaction without inputs (never valid, but some vectors have it): the flag was the output count.
            lockTime = try reader.littleEndian32()
            return
        }
        // A count is a claim until the bytes are there.
        inputs.reserveCapacity(min(inputCount, 1000))
        for _ in 0..<inputCount {
            let previous = try OutPoint(from: &reader)
            let script = Script(try reader.variableBytes())
            inputs.append(TransactionInput(previous, signatureScript: script, sequence: try reader.littleEndian32()))
        }
        for _ in 0..<(try reader.count(minimum: 9)) { outputs.append(try TransactionOutput(from: &reader)) }
        if flag == 1 {
            for index in inputs.indices {
                for _ in 0..<(try reader.count()) { inputs[index].witness.append(try reader.variableBytes()) }
            }
            guard hasWitness else { throw .invalid("superfluous witness") }
        }
        lockTime = try reader.littleEndian32()
    }
}
