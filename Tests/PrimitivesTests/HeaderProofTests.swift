import BitcoinPrimitives
import CryptoPrimitives
import Testing

@Suite("targets and Merkle branches: what proves a transaction without its block")
struct HeaderProofTests {
    @Test("compact targets, as Bitcoin Core reads and writes them")
    func compact() throws {
        for value: UInt32 in [0x1d00_ffff, 0x1703_4219, 0x207f_ffff, 0x1e03_77ae, 0x1c05_a3f4, 0x0500_9234, 0x0412_3456] {
            #expect(try #require(Target(compact: value)).compact == value)
        }
        // Small ones lose what does not fit; the top bit of the mantissa is a sign.
        #expect(try #require(Target(compact: 0x0112_3456)).compact == 0x0112_0000)
        #expect(try #require(Target(compact: 0x0200_8000)).compact == 0x0200_8000)
        #expect(try #require(Target(compact: 0x2000_ffff)) < #require(Target(compact: 0x207f_ffff)))
        for bad: UInt32 in [0, 0x0092_3456, 0x0192_3456, 0x04fe_dcba, 0x0100_3456, 0xff12_3456, 0x2212_3456, 0x2101_0000] {
            #expect(Target(compact: bad) == nil, "\(String(bad, radix: 16))")
        }
        // The genesis block's hash is below its target, and not below a harder one.
        let genesis = Target(Network.mainnet.chainHash)
        #expect(genesis <= Target(compact: 0x1d00_ffff)!)
        #expect(genesis > Target(compact: 0x1b00_ffff)!)
    }

    /// Bitcoin Core's tests of its proof of work (pow_tests.cpp): the old target, the two times, the new target.
    @Test(
        "new targets after two weeks",
        arguments: [
            (0x1d00_ffff, 1_261_130_161, 1_262_152_739, 0x1d00_d86a), (0x1d00_ffff, 1_231_006_505, 1_233_061_996, 0x1d00_ffff),
            (0x1c05_a3f4, 1_279_008_237, 1_279_297_671, 0x1c01_68fd), (0x1c38_7f6f, 1_263_163_443, 1_269_211_443, 0x1d00_e1fd),
        ] as [(UInt32, Int64, Int64, UInt32)])
    func retargeting(old: UInt32, first: Int64, last: Int64, new: UInt32) throws {
        let span = UInt32(max(302_400, min(4_838_400, last - first)))
        let limit = try #require(Target(compact: 0x1d00_ffff))
        #expect(try #require(Target(compact: old)).scaled(by: span, over: 1_209_600, limit: limit).compact == new)
    }

    @Test("the work of difficulty 1 is 2^32 hashes, and twice the difficulty is twice the work")
    func work() throws {
        let one = try #require(Target(compact: 0x1d00_ffff)).work
        #expect(abs(one / 4_295_032_833 - 1) < 1e-9)
        #expect(abs(try #require(Target(compact: 0x1c7f_ff80)).work / one - 2) < 1e-4)
    }

    /// The hashes beside the way up from a place, and the root.
    private static func branch(_ leaves: [Bytes32], _ position: Int) -> MerkleBranch {
        var (level, index, siblings) = (leaves, position, [Bytes32]())
        while level.count > 1 {
            siblings.append(index ^ 1 < level.count ? level[index ^ 1] : level[index])
            level = stride(from: 0, to: level.count, by: 2).map {
                MerkleTree.root([level[$0], $0 + 1 < level.count ? level[$0 + 1] : level[$0]]).root
            }
            index /= 2
        }
        return MerkleBranch(position: position, siblings: siblings)
    }

    @Test("in blocks of 1 to 40 transactions each place has its proof, and no other place, transaction or length has one")
    func branches() {
        for count in 1...40 {
            let leaves = (0..<count).map { Hash.sha256([UInt8(count), UInt8($0)]) }
            let root = MerkleTree.root(leaves).root
            for position in leaves.indices {
                let branch = Self.branch(leaves, position)
                let id = TransactionID(leaves[position])
                #expect(branch.root(of: id) == root)
                // Every other place, those behind the last transaction among them.
                for wrong in -1..<130 where wrong != position {
                    #expect(MerkleBranch(position: wrong, siblings: branch.siblings).root(of: id) != root, "\(count) \(position) \(wrong)")
                }
                for other in leaves.indices where other != position { #expect(branch.root(of: TransactionID(leaves[other])) != root) }
                if count > 1 {
                    #expect(MerkleBranch(position: position, siblings: branch.siblings.dropLast()).root(of: id) != root)
                    var spoiled = branch
                    spoiled.siblings[0][7] ^= 1
                    #expect(spoiled.root(of: id) != root)
                }
                #expect(MerkleBranch(position: position, siblings: branch.siblings + [root]).root(of: id) != root)
            }
        }
        #expect(MerkleBranch(position: 0, siblings: Array(repeating: .zero, count: 16)).root(of: TransactionID(.zero)) == nil)
    }
}
