import Foundation

/// Bytes to a port of this machine and back, without any client's good manners.
public struct RawHTTP: Sendable {
    public let port: Int

    public init(port: Int) { self.port = port }

    public struct Answer: Sendable {
        public var status: Int
        public var headers: [String: String]
        public var body: String

        public var json: Any? { try? JSONSerialization.jsonObject(with: Data(body.utf8), options: [.fragmentsAllowed]) }
        public var object: [String: Any] { json as? [String: Any] ?? [:] }
        public var error: [String: Any] { object["error"] as? [String: Any] ?? [:] }
        public var code: Int? { error["code"] as? Int }
        public var message: String { error["message"] as? String ?? "" }
    }

    /// One request with a body, on a connection of its own.
    public func post(_ body: String, authorization: String? = nil, path: String = "/", method: String = "POST") async -> Answer? {
        Self.parse(await exchange(Self.request(body, authorization: authorization, path: path, method: method)))
    }

    /// The same for who may wait on this thread.
    public func blockingPost(_ body: String, authorization: String? = nil) -> Answer? {
        Self.parse(Self.blockingExchange(port, Self.request(body, authorization: authorization, path: "/", method: "POST")))
    }

    private static func request(_ body: String, authorization: String?, path: String, method: String) -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n"
        if let authorization {
            head += "Authorization: Basic \(Data(authorization.utf8).base64EncodedString())\r\n"
        }
        return Array((head + "\r\n" + body).utf8)
    }

    public static func parse(_ bytes: [UInt8]) -> Answer? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
        }
        return Answer(status: status, headers: headers, body: String(text[end.upperBound...]))
    }

    /// Sends, and reads until the other end closes; on a thread of its own, for it blocks.
    public func exchange(_ bytes: [UInt8], closesItsHalf: Bool = false) async -> [UInt8] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: Self.blockingExchange(port, bytes, closesItsHalf: closesItsHalf))
            }
        }
    }

    /// A connection; the caller closes it.
    public static func connect(_ port: Int) -> Int32? {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return socket }
        close(socket)
        return nil
    }

    public static func blockingExchange(_ port: Int, _ bytes: [UInt8], closesItsHalf: Bool = false) -> [UInt8] {
        guard let socket = connect(port) else { return [] }
        defer { close(socket) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { send(socket, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { break }
            sent += count
        }
        if closesItsHalf { shutdown(socket, Int32(SHUT_WR)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count <= 0 { return answer }
            answer += buffer[..<count]
        }
    }
}
