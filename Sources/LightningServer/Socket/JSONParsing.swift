import BitcoinBackend
package import Foundation
package import LightningAPI
import LightningRuntime

extension JSONValue {
    /// - Parameter values: how many there may be; more are refused before anything is built of them.
    package init(parsing data: Data, values: Int = 20_000_000) throws {
        guard JSONShape.isReasonable(data, depth: 32, values: values) else {
            throw CallFailure(.usage, "the JSON is too deep or too long")
        }
        self = try JSONDecoder().decode(JSONValue.self, from: data)
    }
}
