import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Testing

@Suite("headers without blocks")
struct HeaderChainTests {
    /// A network on which a hash or two make a block, with targets as on the others.
    private static func rules(easyBlocks: Bool = false, fromFirst: Bool = false) -> HeaderRules {
        var rules = HeaderRules(.regtest)
        (rules.isRetargeting, rules.allowsEasyBlocks, rules.countsFromFirst) = (true, easyBlocks, fromFirst)
        return rules
    }

    private static func mined(
        on previous: BlockHash, time: UInt32, bits: UInt32 = 0x207f_ffff, isWorkedFor: Bool = true, salt: UInt32 = 0
    ) -> BlockHeader {
        var header = BlockHeader(version: 4, previous: previous, merkleRoot: .zero, time: time, bits: bits, nonce: salt << 20)
        let target = Target(compact: bits)!
        while (Target(header.hash) <= target) != isWorkedFor { header.nonce += 1 }
        return header
    }

    /// A chain, its blocks so many seconds apart.
    private static func chain(_ count: Int, spacing: UInt32 = 600, rules: HeaderRules, salt: UInt32 = 0) throws -> HeaderChain {
        var chain = try HeaderChain(rules: rules, base: 0, headers: [mined(on: BlockHash(.zero), time: 1_000_000, salt: salt)])
        for index in 1..<count { try chain.append(mined(on: chain.tip, time: 1_000_000 + UInt32(index) * spacing, salt: salt)) }
        return chain
    }

    @Test("a header follows the last one, was worked for, and has the target that the rules say")
    func faults() throws {
        var chain = try Self.chain(10, rules: Self.rules())
        let before = chain.tip
        let time: UInt32 = 1_006_000
        #expect(throws: HeaderChain.Fault.doesNotFollow(10)) { try chain.append(Self.mined(on: BlockHash(.zero), time: time)) }
        #expect(throws: HeaderChain.Fault.noWork(10)) { try chain.append(Self.mined(on: before, time: time, isWorkedFor: false)) }
        #expect(throws: HeaderChain.Fault.wrongTarget(10)) { try chain.append(Self.mined(on: before, time: time, bits: 0x2070_0000)) }
        for bits: UInt32 in [0x2100_ffff, 0, 0x2080_0001] {
            var header = Self.mined(on: before, time: time)
            header.bits = bits
            #expect(throws: HeaderChain.Fault.noWork(10), "\(bits)") { try chain.append(header) }
        }
        #expect(chain.tip == before && chain.height == 9)
        try chain.append(Self.mined(on: before, time: time))
        #expect(chain.height == 10)
        #expect(chain.header(10)?.hash == chain.tip && chain.hash(11) == nil && chain.header(9)?.hash == before)
    }

    @Test("after 2016 blocks the target is a new one: that of the time they took")
    func retargeting() throws {
        var chain = try Self.chain(2016, spacing: 300, rules: Self.rules())
        let time = 1_000_000 + 2016 * UInt32(300)
        #expect(throws: HeaderChain.Fault.wrongTarget(2016)) { try chain.append(Self.mined(on: chain.tip, time: time)) }
        // 2015 spaces of half the time that was wanted for 2016.
        let limit = Target(compact: 0x207f_ffff)!
        let bits = limit.scaled(by: 2015 * 300, over: 1_209_600, limit: limit).compact
        try chain.append(Self.mined(on: chain.tip, time: time, bits: bits))
        #expect(throws: HeaderChain.Fault.wrongTarget(2017)) { try chain.append(Self.mined(on: chain.tip, time: time + 600)) }
        try chain.append(Self.mined(on: chain.tip, time: time + 600, bits: bits))
        // It never becomes easier than the network's limit.
        var slow = try Self.chain(2016, spacing: 6000, rules: Self.rules())
        try slow.append(Self.mined(on: slow.tip, time: 20_000_000))
    }

    @Test("on testnet a block may be easy after twenty minutes, and the next is as hard as before", arguments: [false, true])
    func easyBlocks(fromFirst: Bool) throws {
        let rules = Self.rules(easyBlocks: true, fromFirst: fromFirst)
        var chain = try Self.chain(2016, spacing: 300, rules: rules)
        var time = 1_000_000 + 2016 * UInt32(300)
        let limit = Target(compact: 0x207f_ffff)!
        let hard = limit.scaled(by: 2015 * 300, over: 1_209_600, limit: limit).compact
        try chain.append(Self.mined(on: chain.tip, time: time, bits: hard))
        #expect(throws: HeaderChain.Fault.wrongTarget(2017)) { try chain.append(Self.mined(on: chain.tip, time: time + 1200)) }
        time += 1201
        try chain.append(Self.mined(on: chain.tip, time: time))
        #expect(throws: HeaderChain.Fault.wrongTarget(2018)) { try chain.append(Self.mined(on: chain.tip, time: time + 600)) }
        try chain.append(Self.mined(on: chain.tip, time: time + 600, bits: hard))
        // The last block of the period is an easy one: BIP 94 does not count from it.
        for height in 2019...4031 {
            time += height == 4031 ? 5000 : 600
            try chain.append(Self.mined(on: chain.tip, time: time, bits: height == 4031 ? 0x207f_ffff : hard))
        }
        let first = try #require(chain.header(2016))
        let old = fromFirst ? Target(compact: hard)! : limit
        let bits = old.scaled(by: time - first.time, over: 1_209_600, limit: limit).compact
        let wrong = fromFirst ? limit.scaled(by: time - first.time, over: 1_209_600, limit: limit).compact : hard
        #expect(throws: HeaderChain.Fault.wrongTarget(4032)) { try chain.append(Self.mined(on: chain.tip, time: time + 600, bits: wrong)) }
        try chain.append(Self.mined(on: chain.tip, time: time + 600, bits: bits))
    }

    @Test("another branch wins by its work, as a whole or not at all")
    func branches() throws {
        let rules = Self.rules()
        var chain = try Self.chain(20, rules: rules)
        let before = chain
        func branch(from height: BlockHeight, _ count: Int) -> [BlockHeader] {
            var previous = before.hash(height - 1)!
            return (0..<count).map { index in
                let header = Self.mined(on: previous, time: 2_000_000 + UInt32(index), salt: 7)
                previous = header.hash
                return header
            }
        }
        #expect(throws: HeaderChain.Fault.lessWork(15)) { try chain.replace(from: 15, with: branch(from: 15, 4), mayBeShorter: false) }
        var spoiled = branch(from: 15, 8)
        spoiled[7].merkleRoot = Hash.sha256([1])
        while Target(spoiled[7].hash) <= rules.limit { spoiled[7].nonce += 1 }
        #expect(throws: HeaderChain.Fault.noWork(22)) { try chain.replace(from: 15, with: spoiled, mayBeShorter: false) }
        #expect(chain.tip == before.tip && chain.height == 19)
        for height: BlockHeight in [0, 21] {
            #expect(throws: HeaderChain.Fault.otherChain) { try chain.replace(from: height, with: [], mayBeShorter: true) }
        }
        let longer = branch(from: 15, 8)
        try chain.replace(from: 15, with: longer, mayBeShorter: false)
        #expect(chain.height == 22 && chain.tip == longer[7].hash && chain.hash(14) == before.hash(14))
        try chain.replace(from: 21, with: [], mayBeShorter: true)
        #expect(chain.height == 20 && chain.tip == longer[5].hash)
    }

    @Test("earlier headers are fixed by what was built on them")
    func earlier() throws {
        let rules = HeaderRules(.regtest)
        let whole = try Self.chain(4100, rules: rules)
        func headers(_ heights: Range<Int>) -> [BlockHeader] { heights.map { whole.header(BlockHeight($0))! } }
        var chain = try HeaderChain(rules: rules, base: 4032, headers: headers(4032..<4100))
        #expect(chain.header(4031) == nil)
        #expect(throws: HeaderChain.Fault.doesNotFollow(4032)) { try chain.prepend(headers(2015..<4031)) }
        #expect(throws: HeaderChain.Fault.otherChain) { try chain.prepend(headers(2017..<4032)) }
        var broken = headers(2016..<4032)
        broken[5].time += 1
        #expect(throws: HeaderChain.Fault.doesNotFollow(2022)) { try chain.prepend(broken) }
        try chain.prepend(headers(2016..<4032))
        try chain.prepend(headers(0..<2016))
        #expect(chain.base == 0 && chain.hash(0) == whole.hash(0) && chain.hash(3000) == whole.hash(3000) && chain.tip == whole.tip)
    }

    @Test("a mainnet header of today is not as easy as one of 2009")
    func mainnet() {
        let rules = HeaderRules(.mainnet)
        let genesis = BlockHeader(
            version: 1, previous: BlockHash(.zero),
            merkleRoot: Bytes32(hex: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")!.reversed, time: 1_231_006_505,
            bits: 0x1d00_ffff, nonce: 2_083_236_893)
        #expect(genesis.hash == Network.mainnet.chainHash)
        // From block 0 everything is followed; from a later one it must be worth something.
        #expect(throws: Never.self) { try HeaderChain(rules: rules, base: 0, headers: [genesis]) }
        #expect(throws: HeaderChain.Fault.tooEasy(897_120)) { try HeaderChain(rules: rules, base: 897_120, headers: [genesis]) }
    }
}
