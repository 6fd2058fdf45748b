import BitcoinPrimitives
import CryptoPrimitives
import Foundation
package import LightningAPI
import LightningRuntime
import LightningWire
import Synchronization

/// The tokens of a wallet, in a file of their own beside its database.
///
/// Money at risk: what a payment may come to is set aside on disk before it is made, so that a limit holds over crashes.
package final class TokenStore: Sendable {
    /// As many as a node keeps.
    static let limit = 1000

    private let path: String
    private let tokens: Mutex<[Token]>
    /// Held while the file is written, by one at a time.
    private let writing = Mutex<Void>(())
    /// Of the owner's browser, until the node stops; it is on no disk.
    private let session = Mutex<Token?>(nil)

    /// - Throws: a `CallFailure` of kind `corrupt` where the file is not what this program wrote: no token is taken then.
    package convenience init(path: String) throws(CallFailure) { self.init(path: path, tokens: try Self.read(path)) }

    private init(path: String, tokens: [Token]) {
        self.path = path
        self.tokens = Mutex(tokens)
    }

    private static func read(_ path: String) throws(CallFailure) -> [Token] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let failure = CallFailure(
            .corrupt, "\(path) cannot be read: without it no token is known. Restore it, or remove it to begin with none")
        guard let bytes = DurableFile.read(path, upTo: 64_000_000), let json = try? JSONValue(parsing: Data(bytes)) else { throw failure }
        let read = json["tokens"].list.map { Token($0, at: .now) }
        guard case .array = json["tokens"], read.allSatisfy({ $0 != nil }) else { throw failure }
        return read.compactMap { $0 }
    }

    /// The token that a caller sends; `nil` for one that is none, or was revoked.
    package func token(_ secret: String) -> Token? {
        guard secret.utf8.count <= 256 else { return nil }
        let hash = Hash.sha256(Array(secret.utf8)).hex
        if let token = session.withLock({ $0 }), token.hash == hash { return token }
        return tokens.withLock { tokens in tokens.first { $0.hash == hash } }
    }

    /// Whether a token was not revoked.
    package func isValid(_ token: Token) -> Bool {
        token.id == Self.sessionID
            ? session.withLock { $0?.hash == token.hash } : tokens.withLock { tokens in tokens.contains { $0.id == token.id } }
    }

    private static let sessionID = "session"

    /// A token for the owner's browser that may look, and ask for money; it ends with the node.
    package func openSession() -> String {
        let secret = Self.newSecret()
        let token = Token(
            id: Self.sessionID, name: "dashboard", permissions: [.read, .invoice], hash: Hash.sha256(Array(secret.utf8)).hex,
            createdAt: .now, limit: nil)
        session.withLock { $0 = token }
        return secret
    }

    private static func newSecret() -> String {
        var entropy = Entropy.system()
        let letters = Data(entropy.bytes32().array).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        return "lnw_" + letters.filter { $0 != "=" }
    }

    /// Makes a token.
    ///
    /// - Returns: itself, which is told once, and its id.
    func create(
        name: String, permissions: Set<Permission>, limit: (amount: MilliSatoshi, period: UInt64?)?
    ) throws(CallFailure) -> (secret: String, id: String) {
        guard !permissions.isEmpty else { throw CallFailure(.usage, "a token without permissions allows nothing: name some") }
        guard limit == nil || permissions.isDisjoint(with: [.chain, .admin]) else {
            throw CallFailure(.usage, "a limit is of what is paid over Lightning: a token that may do what needs chain or admin has none")
        }
        guard name.utf8.count <= 200 else { throw CallFailure(.usage, "the name is too long") }
        let secret = Self.newSecret()
        var entropy = Entropy.system()
        let id = String(entropy.bytes32().hex.prefix(8))
        let token = Token(
            id: id, name: name, permissions: permissions, hash: Hash.sha256(Array(secret.utf8)).hex, createdAt: .now,
            limit: limit.map { SpendingLimit(amount: $0.amount, period: $0.period) })
        try change { (tokens: inout [Token]) throws(CallFailure) in
            guard tokens.count < Self.limit else { throw CallFailure(.refused, "there are \(Self.limit) tokens: revoke some") }
            tokens.append(token)
        }
        return (secret, id)
    }

    /// Takes a token back.
    ///
    /// - Parameter text: its id, a unique beginning of it, or its name where no other has that; “session” is the dashboard's.
    /// - Returns: its id.
    func revoke(_ text: String) throws(CallFailure) -> String {
        if text == Self.sessionID {
            session.withLock { $0 = nil }
            return text
        }
        return try revokeKept(text)
    }

    private func revokeKept(_ text: String) throws(CallFailure) -> String {
        try change { (tokens: inout [Token]) throws(CallFailure) in
            var matches = tokens.indices.filter { tokens[$0].id == text }
            if matches.isEmpty, !text.isEmpty {
                matches = tokens.indices.filter { tokens[$0].id.hasPrefix(text) || tokens[$0].name == text }
            }
            let shown = JSONValue.string(String(text.prefix(64))).line
            let index = try CallFailure.one(
                of: matches, none: "there is no token \(shown). See: lnw token list", several: "\(shown) fits several tokens: say an id")
            return tokens.remove(at: index).id
        }
    }

    /// All, as a call lists them.
    var shown: JSONValue { tokens.withLock { tokens in .array(tokens.map { $0.shown(at: .now) }) } }

    // MARK: Limits

    /// Something that was set aside for a payment.
    package struct Reservation: Sendable {
        fileprivate var token: String
        fileprivate var number: UInt64
    }

    /// Sets aside what a payment with a token may come to.
    ///
    /// - Returns: `nil` for a token without a limit.
    /// - Throws: a `CallFailure` of kind `forbidden` where the limit does not allow it; nothing may be paid then.
    func reserve(_ sum: MilliSatoshi, hash: String? = nil, of token: Token) throws(CallFailure) -> Reservation? {
        guard token.limit != nil else { return nil }
        return try change { (tokens: inout [Token]) throws(CallFailure) in
            guard let index = tokens.firstIndex(where: { $0.id == token.id }) else {
                throw CallFailure(.forbidden, "the token was revoked")
            }
            guard let limit = tokens[index].limit else { return nil }
            guard let number = tokens[index].limit?.reserve(sum, hash: hash, at: Timestamp.now.seconds) else {
                let spent = limit.spent(at: Timestamp.now.seconds)
                let period = limit.period.map { " in \(LimitPeriod.words(Int64(clamping: $0)))" } ?? ""
                throw CallFailure(
                    .forbidden,
                    "this may come to \(sum), fees included, and the token has \(limit.amount.subtracting(spent) ?? .zero) left of \(limit.amount)\(period): a smaller max_fee_msat may help",
                    [
                        "limit_msat": .amount(limit.amount.value), "spent_msat": .amount(spent.value),
                        "needed_msat": .amount(sum.value),
                    ])
            }
            return Reservation(token: token.id, number: number)
        }
    }

    /// What was under way when the node stopped, with the hashes of the payments.
    package var leftOver: [(hash: String, reservation: Reservation)] {
        tokens.withLock { tokens in
            tokens.flatMap { token in
                (token.limit?.reserved ?? [:]).compactMap { number, one in
                    one.hash.map { ($0, Reservation(token: token.id, number: number)) }
                }
            }
        }
    }

    /// It is known what that payment came to. Where it cannot be written down, more stays set aside after a restart than was paid.
    func settle(_ reservation: Reservation, _ sum: MilliSatoshi) {
        _ = try? change { tokens in
            guard let index = tokens.firstIndex(where: { $0.id == reservation.token }) else { return }
            tokens[index].limit?.settle(reservation.number, sum, at: Timestamp.now.seconds)
        }
    }

    /// Changes the tokens on disk, then in memory: both or none.
    private func change<Result: Sendable>(_ body: (inout [Token]) throws(CallFailure) -> Result) throws(CallFailure) -> Result {
        // Whoever only asks for a token does not wait for the disk.
        try writing.withLock { (_: inout sending Void) throws(CallFailure) in
            var changed = tokens.withLock { $0 }
            let result = try body(&changed)
            let record: JSONValue = ["version": 1, "tokens": .array(changed.map(\.json))]
            do throws(DurableFile.Failure) { try DurableFile.write(Array((record.pretty + "\n").utf8), to: path) } catch {
                throw CallFailure(.refused, "\(error): nothing was changed")
            }
            tokens.withLock { [changed] in $0 = changed }
            return result
        }
    }
}
