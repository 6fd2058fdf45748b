import BitcoinPrimitives
import LightningEnforcement

/// A revoked commitment in the chain that is being punished for a client, or is looked for among the kits.
struct TowerCase: Hashable, Sendable {
    var commitment: TransactionID
    var height: BlockHeight
    /// Itself, for kits that come late; older records have it no more once kits were found.
    var transaction: Transaction?
    /// Whether the store has been asked for kits. Without any it may be anybody's honest close, or a client's whose kit is still on its way.
    var isLookedUp = false
    /// One output each, in the order in which they came.
    private(set) var kits: [PenaltyKit] = []
    /// How many of them came together: a claim has only such, for one that is given more inputs has to pay for what it replaces as well.
    private var rounds: [Int] = []
    /// The fee rate that was used last, of `PenaltyKit.feeRates`, and since which block.
    var level = 0
    var since: BlockHeight
    /// Outputs that were spent, by us or not, with the height.
    var spent: [UInt32: BlockHeight] = [:]
    /// Outputs that go by themselves, for layer 1 has refused a claim of several with them.
    var alone: Set<UInt32> = []

    /// Outputs at most: a commitment has 483 HTLCs of either side.
    static let maxOutputs = 1000

    init(_ commitment: TransactionID, _ transaction: Transaction, height: BlockHeight) {
        self.commitment = commitment
        self.transaction = transaction
        self.height = height
        since = height
    }

    /// The outputs that are still to be taken.
    var open: Set<UInt32> { Set(kits.flatMap { $0.outputs.map(\.index) }).subtracting(spent.keys) }

    /// Takes kits that came together.
    mutating func add(_ new: [PenaltyKit]) {
        let new = new.prefix(Self.maxOutputs - min(kits.count, Self.maxOutputs))
        guard !new.isEmpty else { return }
        kits += new
        rounds.append(new.count)
    }

    /// The transactions that take what is left, at the fee rate of now.
    ///
    /// - Parameter group: HTLCs in one of them at most.
    func claims(group: Int) -> [Transaction] {
        var claims: [Transaction] = []
        var rest = kits[...]
        for count in rounds {
            claims += PenaltyKit.claims(
                Array(rest.prefix(count)), of: commitment, outputs: open, alone: alone, level: level, group: group)
            rest = rest.dropFirst(count)
        }
        return claims
    }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(2)
            $0.write(commitment)
            $0.blockHeight(height)
            $0.optional(transaction) { $0.variableBytes($1.serialized()) }
            $0.compactSize(kits.count)
            for kit in kits { $0.variableBytes(kit.encoded()) }
            $0.uint8(UInt8(level))
            $0.blockHeight(since)
            $0.compactSize(spent.count)
            for (index, height) in spent.sorted(by: { $0.key < $1.key }) {
                $0.uint32(index)
                $0.blockHeight(height)
            }
            $0.uint8(isLookedUp ? 1 : 0)
            $0.compactSize(rounds.count)
            for count in rounds { $0.uint16(UInt16(count)) }
            $0.compactSize(alone.count)
            for index in alone.sorted() { $0.uint32(index) }
        }
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...2).contains(version) else { throw .invalid("version of a watchtower's case") }
        commitment = TransactionID(try reader.bytes32())
        height = try reader.blockHeight()
        transaction = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try Transaction(try r.variableBytes()) }
        for _ in 0..<(try reader.count()) { kits.append(try PenaltyKit(record: try reader.variableBytes())) }
        level = Int(try reader.uint8())
        since = try reader.blockHeight()
        for _ in 0..<(try reader.count(minimum: 8)) { spent[try reader.uint32()] = try reader.blockHeight() }
        if version == 1 {
            // A claim that was refused had all HTLCs go by themselves.
            if try reader.uint8() == 1 { alone = Set(kits.flatMap { $0.outputs.filter(\.isHTLC).map(\.index) }) }
            rounds = kits.isEmpty ? [] : [kits.count]
        }
        isLookedUp = reader.isAtEnd ? transaction == nil : try reader.uint8() == 1
        if version > 1 {
            for _ in 0..<(try reader.count(minimum: 2)) { rounds.append(Int(try reader.uint16())) }
            for _ in 0..<(try reader.count(minimum: 4)) { alone.insert(try reader.uint32()) }
        }
        try reader.expectEnd()
        guard rounds.reduce(0, +) == kits.count, PenaltyKit.feeRates.indices.contains(level) else {
            throw .invalid("fee rate of a watchtower's case")
        }
    }
}
