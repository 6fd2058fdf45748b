import Foundation
internal import NIOCore

/// Why a server cannot listen on a port.
public enum ListenFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another program has the port.
    case portInUse(Int)
    /// The port may not be taken by this user, the host is none of this machine's, or the system is out of something.
    case refused(host: String, port: Int, why: String)

    /// What an attempt to listen threw.
    public init(_ error: any Error, host: String, port: Int) {
        guard let error = error as? IOError else {
            self = .refused(host: host, port: port, why: "\(error)")
            return
        }
        switch error.errnoCode {
        case EADDRINUSE: self = .portInUse(port)
        case EADDRNOTAVAIL: self = .refused(host: host, port: port, why: "\(host) is no address of this machine")
        case EACCES: self = .refused(host: host, port: port, why: "this user may not use the port")
        default: self = .refused(host: host, port: port, why: String(cString: strerror(error.errnoCode)))
        }
    }

    public var description: String {
        switch self {
        case .portInUse(let port): "port \(port) is in use by another program"
        case .refused(let host, let port, let why): "cannot listen on port \(port) of \(host): \(why)"
        }
    }
}
