public import Foundation

/// Why a call did not do what it should; `kind` decides a program's exit status and HTTP's.
public struct CallFailure: LocalizedError, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, in one word.
    public enum Kind: String, Sendable, CaseIterable {
        /// The request is not what it should be: nothing was done.
        case usage
        /// Nobody answers.
        case notRunning
        /// The node answers, but not who it was to reach; or it stopped before it answered, or its answer did not come through.
        ///
        /// Money at risk: what was asked for may have been done. Look before it is asked for again.
        case unreachable
        /// What is named is not there.
        case notFound
        /// It could not be done as things stand, and nothing was done.
        case refused
        /// The payment failed: `data` has where, and BOLT 4's code.
        case paymentFailed
        /// What was asked for is under way, and neither done nor failed: it is not to be asked for again.
        case pending
        /// The database cannot be used: the node has stopped. What was asked for meanwhile may have been done.
        case corrupt
        /// The token does not allow it, or its limit is reached.
        case forbidden
        /// A bug of the node: what was asked for may have been done.
        case `internal`

        /// The kind that a code tells; of a later version's codes `internal`.
        package init(code: String) { self = Self.allCases.first { $0.code == code } ?? .internal }

        /// By which programs know it: it does not change.
        public var code: String {
            switch self {
            case .usage: "usage"
            case .notRunning: "not_running"
            case .unreachable: "unreachable"
            case .notFound: "not_found"
            case .refused: "refused"
            case .paymentFailed: "payment_failed"
            case .pending: "pending"
            case .corrupt: "database_unusable"
            case .forbidden: "forbidden"
            case .internal: "internal"
            }
        }

        /// With which a command ends.
        package var exitStatus: Int32 {
            switch self {
            case .usage: 2
            case .unreachable, .notRunning: 3
            case .notFound, .refused, .forbidden: 4
            case .paymentFailed: 5
            case .pending: 7
            case .corrupt: 6
            case .internal: 1
            }
        }

        /// Of an answer over HTTP.
        package var httpStatus: Int {
            switch self {
            case .usage: 400
            case .forbidden: 403
            case .notFound: 404
            case .refused: 409
            case .paymentFailed: 402
            case .pending: 504
            case .unreachable: 502
            case .notRunning, .corrupt: 503
            case .internal: 500
            }
        }

        /// For whoever reads the reference.
        package var meaning: String {
            switch self {
            case .usage: "the request is not what it should be: nothing was done"
            case .notRunning: "nobody answers"
            case .unreachable: "the node answers, but not who it was to reach"
            case .notFound: "what is named is not there, and nothing was done"
            case .refused: "it could not be done as things stand, and nothing was done"
            case .paymentFailed: "the payment failed: `data` has where, and BOLT 4's code"
            case .pending: "it is under way, neither done nor failed: do not pay again"
            case .corrupt: "the database cannot be used: the node has stopped"
            case .forbidden: "the token does not allow it, or its limit is reached"
            case .internal: "a bug of this node"
            }
        }
    }

    /// What went wrong.
    public var kind: Kind
    /// For people.
    public var message: String
    /// What programs want to know beside it; `nil` for nothing.
    public var data: JSONValue?

    /// A failure of a kind.
    public init(_ kind: Kind, _ message: String, _ data: JSONValue? = nil) {
        self.kind = kind
        self.message = message
        self.data = data
    }

    public var description: String { message }
    /// What went wrong, for people.
    public var errorDescription: String? { message }

    /// The one thing that a name means.
    ///
    /// - Throws: a failure of kind `notFound` or `refused` where it means nothing, or several things.
    package static func one<Value>(of matches: [Value], none: String, several: String) throws(CallFailure) -> Value {
        guard let first = matches.first else { throw CallFailure(.notFound, none) }
        guard matches.count == 1 else { throw CallFailure(.refused, several) }
        return first
    }

    /// As programs get it.
    package var json: JSONValue {
        var fields: [String: JSONValue] = ["code": .string(kind.code), "message": .string(message)]
        if let data { fields["data"] = data }
        return ["error": .object(fields)]
    }
}

/// What is wrong with a request of HTTP before it is a call.
package enum RequestFailure: String, Sendable, CaseIterable {
    case unauthorized
    case noSuchCall = "no_such_call"
    case methodNotAllowed = "method_not_allowed"
    case timeout
    case tooLarge = "too_large"
    case tooManyRequests = "too_many_requests"

    /// By which programs know it: it does not change.
    package var code: String { rawValue }

    package var httpStatus: Int {
        switch self {
        case .unauthorized: 401
        case .noSuchCall: 404
        case .methodNotAllowed: 405
        case .timeout: 408
        case .tooLarge: 413
        case .tooManyRequests: 429
        }
    }

    /// For whoever reads the reference.
    package var meaning: String {
        switch self {
        case .unauthorized: "no token, or one that is not known"
        case .noSuchCall: "there is no such call or path"
        case .methodNotAllowed: "it changes something, and was not POSTed"
        case .timeout: "the request did not arrive in time"
        case .tooLarge: "the body is too long"
        case .tooManyRequests: "again after `Retry-After` seconds"
        }
    }
}
