public import CryptoPrimitives

/// A transaction's identifier: the double SHA-256 of its serialization without witness.
///
/// `description` is in the order people print (reversed); the bytes are in wire order.
public struct TransactionID: Identifier32 {
    /// In the order in which hashes are computed: `description` shows them reversed, as everybody does.
    public var bytes: Bytes32
    /// Takes the bytes in the order in which hashes are computed.
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
    /// Whose output it is.
    public var transaction: TransactionID
    /// Its place among the outputs, from 0.
    public var index: UInt32

    /// The output of a transaction at a place.
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

    package func encode(to writer: inout ByteWriter) {
        writer.write(transaction)
        writer.littleEndian32(index)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        transaction = TransactionID(try reader.bytes32())
        index = try reader.littleEndian32()
    }
}

/// What a transaction spends, and the proof that it may.
public struct TransactionInput: Hashable, Sendable {
    /// The output that is spent.
    public var previousOutput: OutPoint
    /// Empty where the proof is in the witness.
    public var signatureScript: Script
    /// A relative lock time (BIP 68), or whether the transaction may be replaced (BIP 125).
    public var sequence: UInt32
    /// The proof of a segregated-witness output (BIP 141), its elements from the bottom of the stack.
    public var witness: [[UInt8]]

    /// An input; without a proof as long as it is not signed.
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

/// An amount, and who can spend it.
public struct TransactionOutput: Hashable, Sendable {
    /// How much.
    public var amount: Satoshi
    /// What whoever spends it has to satisfy.
    public var script: Script

    /// An amount for a script.
    public init(_ amount: Satoshi, _ script: Script) {
        self.amount = amount
        self.script = script
    }

    package func encode(to writer: inout ByteWriter) {
        writer.littleEndian64(amount.value)
        writer.variableBytes(script.bytes)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        amount = Satoshi(try reader.littleEndian64())
        script = Script(try reader.variableBytes())
    }
}

/// A Bitcoin transaction (BIP 144 serialization).
public struct Transaction: Hashable, Sendable {
    /// What a block's miner pays itself can be spent in the block so many later, and not before.
    public static let coinbaseMaturity = 100

    /// 2 where relative lock times are meant.
    public var version: UInt32
    /// What is spent.
    public var inputs: [TransactionInput]
    /// What is paid; the rest of the inputs is the fee.
    public var outputs: [TransactionOutput]
    /// The height, or the time from 500,000,000 on, before which it cannot be mined.
    public var lockTime: UInt32

    /// A transaction from its parts; nothing is checked.
    public init(
        version: UInt32 = 2, inputs: [TransactionInput] = [], outputs: [TransactionOutput] = [], lockTime: UInt32 = 0
    ) {
        self.version = version
        self.inputs = inputs
        self.outputs = outputs
        self.lockTime = lockTime
    }

    /// Whether an input has a witness.
    public var hasWitness: Bool { inputs.contains { !$0.witness.isEmpty } }

    /// Whether this is a block's first transaction: one input that refers to nothing.
    public var isCoinbase: Bool { inputs.count == 1 && inputs[0].previousOutput == .null }

    /// The double SHA-256 of the transaction without its witnesses.
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

    /// The bytes of the network's `tx` message.
    public func serialized(withWitness: Bool = true) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        encode(to: &writer, withWitness: withWitness)
        return writer.bytes
    }

    package func encode(to writer: inout ByteWriter, withWitness: Bool = true) {
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

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
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
