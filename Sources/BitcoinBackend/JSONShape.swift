package import Foundation

/// How much a JSON text would make its reader build. Readers recurse for each bracket, and a stack has an end.
package enum JSONShape {
    /// Counts brackets and commas outside of strings, before anything is built from them.
    ///
    /// Only UTF-8, without a zero byte: Foundation's reader takes UTF-16 and UTF-32 as well, in which the bytes of a letter look like
    /// quotation marks and brackets here.
    ///
    /// - Parameters:
    ///   - depth: brackets within each other.
    ///   - values: in all.
    package static func isReasonable(_ data: Data, depth maximumDepth: Int, values maximumValues: Int) -> Bool {
        guard !data.contains(0), String(validating: data, as: UTF8.self) != nil else { return false }
        var depth = 0
        var values = 1
        var isString = false
        var isEscaped = false
        for byte in data {
            if isString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isString = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                values += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ","): values += 1
            default: break
            }
            if depth > maximumDepth || values > maximumValues { return false }
        }
        return true
    }
}
