import BitcoinBackend
import Foundation
import Testing

@Suite("what a JSON text would make its reader build")
struct JSONShapeTests {
    private static func isReasonable(_ data: Data?) -> Bool { JSONShape.isReasonable(data ?? Data(), depth: 8, values: 100) }

    @Test("depth and number of values are bounded, brackets in strings not counted")
    func bounds() {
        #expect(Self.isReasonable(Data(#"{"a":[1,2,{"b":"[[[[[[[[[[\"[["}]}"#.utf8)))
        #expect(!Self.isReasonable(Data(String(repeating: "[", count: 9).utf8)))
        #expect(!Self.isReasonable(Data(("[" + String(repeating: "1,", count: 100) + "1]").utf8)))
    }

    @Test(
        "what is not UTF-8 is refused: in UTF-16 the bytes of a letter look like a quotation mark, behind which nothing is counted",
        arguments: [String.Encoding.utf16, .utf16LittleEndian, .utf16BigEndian, .utf32, .utf32LittleEndian, .utf32BigEndian])
    func encodings(_ encoding: String.Encoding) {
        let text = "[\"\u{2241}\"," + String(repeating: "[", count: 500) + String(repeating: "]", count: 500) + "]"
        #expect(!Self.isReasonable(text.data(using: encoding)))
        #expect(!Self.isReasonable("{}".data(using: encoding)))
        #expect(!Self.isReasonable(Data([0x22, 0xff, 0x22])) && !Self.isReasonable(Data([0x5b, 0x00, 0x5d])))
    }
}
