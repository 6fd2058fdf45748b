package import CryptoPrimitives

extension SecretKey {
    /// A secret key that tests can put into structures.
    package final class Box: Sendable {
        package let key: SecretKey

        /// - Parameter hex: 64 digits that are a key.
        package init(_ hex: String) { key = SecretKey(Bytes32(hex: hex)!)! }
    }
}
