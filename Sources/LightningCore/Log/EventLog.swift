import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningEnforcement
import LightningPayment
import LightningRecords
import LightningRouting

/// The last of what happened to a node, on disk: why a channel was closed, what layer 1 refused, where money was at risk.
///
/// Payments, invoices, forwards and transactions have histories of their own.
struct EventLog: Sendable {
    /// Entries that are kept.
    static let limit: UInt64 = 10_000
    /// A peer can bring about notes: so many at once, and one more each quarter of an hour, so that for months they do not push out an alert.
    /// Alerts and what happens to channels are always kept.
    private static let noteRate = TokenBucket.Rate(burst: 60, interval: .seconds(900))

    private var entries = NumberedHistory(.log, name: "log", limit: limit)
    private var notes = TokenBucket(noteRate, now: .zero)

    init() {}

    /// Goes on with what a store has.
    init(_ store: StoreContents) throws(DecodingFailure) { try entries.resume(store) }

    /// The number of the next entry.
    var next: UInt64 { entries.next }

    /// Takes what happened in a batch.
    mutating func note(_ events: [NodeEvent], now: Timestamp, height: BlockHeight) {
        for event in events {
            guard let (level, text) = event.logLine else { continue }
            if case .note = event, !notes.take(Self.noteRate, now: now) { continue }
            entries.add { LogEntry(number: $0, time: now, height: height, level: level, text: text).encoded() }
        }
    }

    /// What has to be stored of the changes since the last call; the oldest entry goes for each new one.
    mutating func drainWrites() -> [StoreWrite] { entries.drainWrites() }
}

extension NodeEvent {
    /// What the log says of it, and how much it matters; `nil` for what other lists show, and for what matters only while it happens.
    package var logLine: (LogEntry.Level, String)? {
        switch self {
        case .channelUsable(let id): (.info, "channel \(id): it can be used")
        case .channelAnnounced(let id, let name): (.info, "channel \(id): it is public, as \(name)")
        case .channelClosing(let id, let kind): (kind.level, "channel \(id): it is closing: \(kind)")
        case .channelClosed(let id): (.info, "channel \(id): it is closed, and all that was ours is in the wallet or given up")
        case .channelsRestored(let ids):
            (.notice, "channels out of a backup: \(ids.map(\.description).joined(separator: ", "))")
        case .publicationRefused(let publication, let reason):
            (.alert, "layer 1 refuses \(publication.purpose), \(publication.transaction.id): \(reason)")
        case .alert(let text): (.alert, text)
        case .streamOver(let stream): (.info, "stream \(stream.id): it is over, and has paid \(stream.paid)")
        case .note(let text): (.notice, text)
        // A stranger's opening costs it nothing, and nothing of ours is in it.
        case .channelOpening, .peerConnected, .peerDisconnected, .connectionReady, .connectionEnded, .connectionLost, .peerAddresses,
            .paymentReceived, .paymentHeld, .paymentUpdated, .paymentSucceeded, .paymentSettled, .paymentFailed, .forwarded, .streamPaid,
            .forwardRefused, .block:
            nil
        }
    }
}

extension CloseKind {
    /// A force close costs time and fees; what is lost by others is said beside.
    fileprivate var level: LogEntry.Level {
        switch self {
        case .mutual: .info
        case .localCommitment, .remoteCommitment, .fundingSpent: .notice
        case .revokedCommitment, .ownRevokedCommitment, .futureCommitment, .ownLaterCommitment, .unknown: .alert
        }
    }
}
