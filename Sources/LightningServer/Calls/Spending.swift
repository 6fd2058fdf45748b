import CryptoPrimitives
import LightningAPI
import LightningCore
import LightningPayment
import LightningRuntime
import LightningWire

// Payments that callers wait for, within what their token allows.
extension ControlAPI {
    /// How long a caller waits for the outcome of a payment before it is told that it is still under way.
    static let answerTimeout = Duration.seconds(60)

    /// The most that a payment may come to.
    func mostly(_ amount: MilliSatoshi, _ limits: PaymentLimits) -> MilliSatoshi {
        amount.saturatingAdding(limits.fee(for: amount))
    }

    /// What goes on by itself, or locks money without paying it, is bounded by no limit.
    func checkIsUnlimited(_ method: String) throws(CallFailure) {
        guard case .token(let token) = caller, token.limit != nil else { return }
        throw CallFailure(
            .forbidden,
            "\(method) uses money that a limit does not bound: it needs a token without a limit"
        )
    }

    /// The outcome, or the news that there is none yet: a payment under way cannot be taken back.
    ///
    /// - Parameters:
    ///   - most: what it may come to, which is set aside of the token's limit until the outcome is known.
    ///   - hash: of the payment, where it is known before.
    ///   - isCircle: whether it pays this node itself, so that in the end only its fee has left.
    func awaited(
        atMost most: MilliSatoshi, hash: PaymentHash? = nil, isCircle: Bool = false,
        _ pay: @escaping @Sendable () async throws -> OutgoingPayment
    ) async throws -> OutgoingPayment {
        let settle = try spend(most, hash)
        let (stream, continuation) = AsyncStream<Result<OutgoingPayment, any Error>?>.makeStream()
        // It goes on after the caller was told that it is still under way.
        Task {
            do {
                let payment = try await pay()
                settle(isCircle ? payment.fee : payment.amount.saturatingAdding(payment.fee))
                continuation.yield(.success(payment))
            } catch {
                if Self.isCertain(error) { settle(.zero) }
                continuation.yield(.failure(error))
            }
        }
        let timer = Task {
            try? await Task.sleep(for: Self.answerTimeout)
            continuation.yield(nil)
        }
        defer { timer.cancel() }
        for await outcome in stream {
            if let outcome { return try outcome.get() }
            break
        }
        throw CallFailure(
            .pending,
            "the payment is still under way: it will succeed or come back by itself. Do not pay again. See: lnw listpayments",
            hash.map { ["payment_hash": .string($0.hex)] })
    }

    /// Whether a payment that ends with an error is not paid: where the node stopped, also because its store failed, it may still be.
    private static func isCertain(_ error: any Error) -> Bool {
        switch error as? NodeRefusal {
        case nil, .stopped, .store: false
        default: true
        }
    }

    /// Sets aside of the caller's limit what a payment may come to.
    ///
    /// - Returns: what is told what it came to.
    private func spend(_ most: MilliSatoshi, _ hash: PaymentHash?) throws(CallFailure) -> @Sendable (MilliSatoshi) -> Void {
        guard case .token(let token) = caller, let tokens, let reservation = try tokens.reserve(most, hash: hash?.hex, of: token) else {
            return { _ in }
        }
        return { tokens.settle(reservation, $0) }
    }

    /// Settles what was under way when the node stopped, as soon as it is known what became of it.
    ///
    /// - Parameter open: what was left over before anybody could call.
    package func settle(_ leftOver: [(hash: String, reservation: TokenStore.Reservation)]) async {
        guard let tokens else { return }
        var open = leftOver
        while !open.isEmpty, !feed.hasEnded, !Task.isCancelled {
            let mark = feed.mark
            var waiting: [(hash: String, reservation: TokenStore.Reservation)] = []
            for (hash, reservation) in open {
                guard let found = try? await node.payments(beginningWith: hash) else {
                    waiting.append((hash, reservation))
                    continue
                }
                switch found.first?.status {
                case nil, .failed: tokens.settle(reservation, .zero)
                case .succeeded: tokens.settle(reservation, found.first.map { $0.amount.saturatingAdding($0.fee) } ?? .zero)
                case .pending: waiting.append((hash, reservation))
                }
            }
            open = waiting
            if !open.isEmpty { await feed.wait(after: mark, atMost: .seconds(60)) }
        }
    }
}
