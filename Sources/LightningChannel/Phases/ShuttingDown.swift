import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// BOLT 2 "Channel Close": shutdown.
extension PaymentChannel {
    /// The phase in which the channel is to be closed by both sides together.
    public struct ShuttingDown: Hashable, Sendable {
        /// How far the channel had come: one that is not confirmed yet goes on to be.
        var readiness: Confirming
        /// Where our money is to go, as the owner asked for it; becomes `local` when it is sent.
        var wanted: Script?
        /// What we sent, and what the peer sent.
        var local: Script?
        var remote: Script?
        /// Closing transactions that both sides have signed; one of them will be mined.
        var mutualCloses: [Transaction] = []
        /// What we propose that the closing transaction pays, where its owner said so.
        var feeRate: FeeRate?
        /// Starts anew at every connection (BOLT 2: "negotiation restarts on reconnection").
        var negotiation = ClosingNegotiation()
    }

    /// What was said of the end. To be changed while the channel is alive only: then it is shutting down.
    var ending: ShuttingDown {
        get { phase.live.ending ?? ShuttingDown(readiness: phase.live.readiness) }
        set {
            precondition(isAlive, "a channel that is over does not begin to shut down")
            phase = .live(.shuttingDown(newValue))
        }
    }

    /// Asks the peer to close the channel together; one that is away, as soon as it is back.
    ///
    /// - Parameter script: where our money goes; a witness program. `nil`: to the wallet.
    mutating func shutdown(
        to chosen: Script? = nil, feeRate: FeeRate? = nil, _ environment: ChannelEnvironment
    ) throws(ChannelRefusal) -> [ChannelEffect] {
        let script = chosen ?? sweepScript ?? environment.sweepScript
        guard isOpen else { throw .notUsable(stateName) }
        guard ending.local == nil, ending.wanted == nil else { throw .notUsable("closing already") }
        guard Self.isAllowed(script, anySegwit: environment.anySegwit) else {
            throw .invalidScript("only witness programs can be used")
        }
        if let upfront = parameters.local.upfrontShutdownScript, !upfront.bytes.isEmpty, upfront != script {
            throw .invalidScript("another one was promised when the channel was opened")
        }
        ending.wanted = chosen ?? takeSweepScript(environment)
        ending.feeRate = feeRate
        isChanged = true
        return flush(environment)
    }

    /// BOLT 2's forms of a `scriptpubkey` for closing.
    static func isAllowed(_ script: Script, anySegwit: Bool) -> Bool {
        guard let (version, program) = script.witnessProgram else { return false }
        return version == 0 ? program.count == 20 || program.count == 32 : anySegwit
    }

    mutating func receiveShutdown(
        _ message: Shutdown, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        guard Self.isAllowed(message.script, anySegwit: environment.anySegwit) else {
            // "if the scriptpubkey is not in one of the above forms: SHOULD send a warning."
            throw .shutdownScriptNotAllowed
        }
        if let upfront = parameters.remote.upfrontShutdownScript, !upfront.bytes.isEmpty, upfront != message.script {
            // "MAY send a warning. MUST fail the connection."
            throw .shutdownScriptNotPromised
        }
        if let known = ending.remote, known != message.script {
            throw .shutdownScriptChanged
        }
        ending.remote = message.script
        isChanged = true
        return continueShutdown(environment)
    }

    /// Sends or answers a shutdown once nothing of ours is pending, and starts the negotiation once the channel is empty.
    mutating func continueShutdown(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard connection == .established else { return [] }
        var effects: [ChannelEffect] = []
        if ending.local == nil, ending.wanted != nil || ending.remote != nil {
            // "if there are updates pending on the receiving node's commitment transaction: MUST NOT send a shutdown".
            guard !commitments.hasChangesToSign else { return [] }
            let script = ending.wanted ?? takeSweepScript(environment)
            ending.local = script
            isChanged = true
            effects.append(.send(.shutdown(Shutdown(channelID: id, script: script))))
        }
        guard ending.remote != nil, ending.local != nil else { return effects }
        guard commitments.isClean, !commitments.hasChangesToSign, parameters.isOpener,
            ending.negotiation.lastSentFee == nil
        else { return effects }
        // "The funding node … SHOULD send a closing_signed message".
        return effects + proposeClosing(fee: preferredFee(environment), environment)
    }

    /// Whether both sides are connected, want to close, and have nothing left to do but to agree on the transaction.
    public var isNegotiatingClose: Bool {
        isOpen && connection == .established && isShuttingDown && commitments.htlcs.isEmpty && mutualCloses.isEmpty
    }
}
