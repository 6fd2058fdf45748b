import Foundation
internal import NIOSSL

/// Where an Electrum server is: `electrum:tcp://host:port`, or `electrum:ssl://host:port`.
struct ElectrumAddress: Sendable {
    let host: String
    let port: Int
    let isEncrypted: Bool

    /// For messages.
    var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    init(_ text: String) throws(ChainFailure) {
        let text = text.hasPrefix("electrum:") ? String(text.dropFirst(9)) : text
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), ["tcp", "ssl", "tls"].contains(scheme),
            let host = parts.host, !host.isEmpty, parts.user == nil, parts.path.isEmpty || parts.path == "/", parts.query == nil,
            (1...65535).contains(parts.port ?? 1)
        else { throw .unexpected("not an address like electrum:tcp://127.0.0.1:50001 or electrum:ssl://electrum.example.org:50002") }
        // An IPv6 address stands in brackets in a URL only.
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        isEncrypted = scheme != "tcp"
        // By which servers listen, where nothing else is said.
        port = parts.port ?? (isEncrypted ? 50002 : 50001)
    }

    /// Who is believed to be the server.
    ///
    /// - Parameter certificate: a PEM file with the certificates that are believed in place of the system's: servers mostly sign their own.
    func tls(certificate: String?) throws(ChainFailure) -> NIOSSLContext? {
        guard isEncrypted else {
            guard certificate == nil else { throw .unexpected("a certificate is for ssl://, and this is tcp://") }
            return nil
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        do {
            if let certificate {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(certificate))
                // It is this one that was named, whatever it calls itself.
                configuration.certificateVerification = .noHostnameVerification
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw .unexpected("the certificate in \(certificate ?? "the system") is none, or there is no such file")
        }
    }
}
