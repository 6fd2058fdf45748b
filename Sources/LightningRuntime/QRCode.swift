import CQRencode

/// A QR code, as wallets scan it: an invoice, an address or a URI.
///
/// Text in capitals makes a smaller code, and bech32 (BIP 173) and BOLT 11 may be written so.
public struct QRCode: Hashable, Sendable {
    /// How many modules a side has.
    public let width: Int
    private let modules: [Bool]

    /// The code of a text; `nil` for one that is empty, or too long: more than 2,953 bytes.
    public init?(_ text: String) {
        guard !text.isEmpty, let code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1) else { return nil }
        defer { QRcode_free(code) }
        let width = Int(code.pointee.width)
        self.width = width
        modules = (0..<width * width).map { code.pointee.data[$0] & 1 == 1 }
    }

    /// Whether a module is dark; those outside are light, as the border has to be.
    public func isDark(_ x: Int, _ y: Int) -> Bool {
        guard (0..<width).contains(x), (0..<width).contains(y) else { return false }
        return modules[y * width + x]
    }

    /// For a page: dark on light, with the border of four modules that ISO 18004 asks for.
    public var svg: String {
        var path = ""
        for y in 0..<width {
            var x = 0
            while x < width {
                let start = x
                while isDark(x, y) { x += 1 }
                if x > start { path += "M\(start + 4) \(y + 4)h\(x - start)v1h-\(x - start)z" } else { x += 1 }
            }
        }
        let side = width + 8
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(side) \(side)" shape-rendering="crispEdges" role="img" aria-label="QR code">\
            <rect width="\(side)" height="\(side)" fill="#fff"/><path fill="#000" d="\(path)"/></svg>
            """
    }

    /// For a terminal: two modules in each character, light on the terminal's own background, with a border of two.
    public var terminalText: String {
        stride(from: -2, to: width + 2, by: 2).map { y in
            (-2..<width + 2).map { x in
                switch (isDark(x, y), isDark(x, y + 1)) {
                case (true, true): " "
                case (true, false): "▄"
                case (false, true): "▀"
                case (false, false): "█"
                }
            }.joined()
        }.joined(separator: "\n")
    }
}
