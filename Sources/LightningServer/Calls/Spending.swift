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
    func mostly(_ amount: MilliSatoshi, _ limits: PaymentLimits) throws(CallFailure) -> MilliSatoshi {
        amount.saturatingAdding(limits.fee(for: amount))
    }

    /// What runs by itself is paid from no limit.
    func checkIsUnlimited(_ method: String) throws(CallFailure) {
        guard case .token(let token) = caller, token.limit != nil else { return }
        throw CallFailure(
            .forbidden,
            "the token has a limit, and \(method) pays by itself later, when no limit can be asked any more: that needs a token without one"
        )
    }

    /// The outcome, or the news that there is none yet: a payment under way cannot be taken back.
    ///
    /// - Parameters:
    ///   - most: what it may come to, which is set aside of the token's limit until the outcome is known.
    ///   - hash: of the payment, where it is known before.
    ///   - isCircle: whether it pays this node itself, so that only its fee leaves.
    func awaited(
        atMost most: MilliSatoshi, hash: PaymentHash? = nil, isCircle: Bool = false,
        _ pay: @escaping @Sendable () async throws -> OutgoingPayment
    ) async throws -> OutgoingPayment {
        let settle = try spend(most)
        let (stream, continuation) = AsyncStream<Result<OutgoingPayment, any Error>?>.makeStream()
        // It goes on after the caller was told that it is still under way.
        Task {
            do {
                let payment = try await pay()
                settle(isCircle ? payment.fee : payment.amount.saturatingAdding(payment.fee))
                continuation.yield(.success(payment))
            } catch {
                // Whether it is paid is not known where the node stopped.
                if let refusal = error as? NodeRefusal, refusal != .stopped { settle(.zero) }
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

    /// Sets aside of the caller's limit what a payment may come to.
    ///
    /// - Returns: what is told what it came to.
    private func spend(_ most: MilliSatoshi) throws(CallFailure) -> @Sendable (MilliSatoshi) -> Void {
        guard case .token(let token) = caller, let tokens, let reservation = try tokens.reserve(most, of: token) else { return { _ in } }
        return { tokens.settle(reservation, $0) }
    }
}
