import BitcoinPrimitives
import Testing

@Suite("Heights of blocks")
struct BlockHeightTests {
    @Test("a height and blocks make a height, two heights a distance; depth counts the block itself")
    func arithmetic() {
        let mined = BlockHeight(100)
        #expect(mined + 5 == 105 && mined - 5 == 95 && BlockHeight(105) - mined == 5 && mined - BlockHeight(105) == -5)
        #expect(mined.depth(at: 100) == 1 && mined.depth(at: 105) == 6 && mined.depth(at: 99) == 0)
        #expect((BlockHeight.genesis..<3).map(\.value) == [0, 1, 2] && mined < .never && mined.description == "100")
    }

    @Test("a height is 32 bits in records and messages; what does not fit is the nearest that does")
    func encoding() throws {
        let cases: [(BlockHeight, [UInt8])] = [(0x102_0304, [1, 2, 3, 4]), (-7, [0, 0, 0, 0]), (.never + 1, [255, 255, 255, 255])]
        for (height, bytes) in cases {
            #expect(ByteWriter.bytes { $0.blockHeight(height) } == bytes)
        }
        var reader = ByteReader([0, 0, 1, 0])
        #expect(try reader.blockHeight() == 256)
        #expect(throws: DecodingFailure.self) { try reader.blockHeight() }
    }
}
