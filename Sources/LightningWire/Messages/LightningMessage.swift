package import BitcoinPrimitives

/// Any message of BOLT 1, 2, 4 and 7 that this implementation reads.
package indirect enum LightningMessage: Hashable, Sendable {
    case initialize(Init)
    case error(ErrorMessage)
    case warning(Warning)
    case ping(Ping)
    case pong(Pong)
    case peerStorage(PeerStorage)
    case peerStorageRetrieval(PeerStorageRetrieval)
    case openChannel(OpenChannel)
    case acceptChannel(AcceptChannel)
    case fundingCreated(FundingCreated)
    case fundingSigned(FundingSigned)
    case channelReady(ChannelReady)
    case shutdown(Shutdown)
    case closingSigned(ClosingSigned)
    case closingComplete(ClosingComplete)
    case closingSig(ClosingSig)
    case startBatch(StartBatch)
    case updateAddHTLC(UpdateAddHTLC)
    case updateFulfillHTLC(UpdateFulfillHTLC)
    case updateFailHTLC(UpdateFailHTLC)
    case updateFailMalformedHTLC(UpdateFailMalformedHTLC)
    case updateFee(UpdateFee)
    case commitmentSigned(CommitmentSigned)
    case revokeAndAck(RevokeAndAck)
    case channelReestablish(ChannelReestablish)
    case announcementSignatures(AnnouncementSignatures)
    case channelAnnouncement(ChannelAnnouncement)
    case nodeAnnouncement(NodeAnnouncement)
    case channelUpdate(ChannelUpdate)
    case queryShortChannelIDs(QueryShortChannelIDs)
    case replyShortChannelIDsEnd(ReplyShortChannelIDsEnd)
    case queryChannelRange(QueryChannelRange)
    case replyChannelRange(ReplyChannelRange)
    case gossipTimestampFilter(GossipTimestampFilter)
    case onionMessage(OnionMessage)
    case towerStore(TowerStore)
    case towerStored(TowerStored)
    case towerRefused(TowerRefused)
    case towerForget(TowerForget)
    case towerForgotten(TowerForgotten)
    /// An odd type that is not known: to be ignored (BOLT 1).
    case unknown(type: UInt16)

    /// Parses a whole message: two bytes of type, then the body.
    ///
    /// - Throws: `.invalid` for an unknown even type, after which BOLT 1 demands that the connection be closed.
    package init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        let type = try reader.uint16()
        switch type {
        case Init.type: self = .initialize(try Init(from: &reader))
        case ErrorMessage.type: self = .error(try ErrorMessage(from: &reader))
        case Warning.type: self = .warning(try Warning(from: &reader))
        case Ping.type: self = .ping(try Ping(from: &reader))
        case Pong.type: self = .pong(try Pong(from: &reader))
        case PeerStorage.type: self = .peerStorage(try PeerStorage(from: &reader))
        case PeerStorageRetrieval.type: self = .peerStorageRetrieval(try PeerStorageRetrieval(from: &reader))
        case OpenChannel.type: self = .openChannel(try OpenChannel(from: &reader))
        case AcceptChannel.type: self = .acceptChannel(try AcceptChannel(from: &reader))
        case FundingCreated.type: self = .fundingCreated(try FundingCreated(from: &reader))
        case FundingSigned.type: self = .fundingSigned(try FundingSigned(from: &reader))
        case ChannelReady.type: self = .channelReady(try ChannelReady(from: &reader))
        case Shutdown.type: self = .shutdown(try Shutdown(from: &reader))
        case ClosingSigned.type: self = .closingSigned(try ClosingSigned(from: &reader))
        case ClosingComplete.type: self = .closingComplete(try ClosingComplete(from: &reader))
        case ClosingSig.type: self = .closingSig(try ClosingSig(from: &reader))
        case StartBatch.type: self = .startBatch(try StartBatch(from: &reader))
        case UpdateAddHTLC.type: self = .updateAddHTLC(try UpdateAddHTLC(from: &reader))
        case UpdateFulfillHTLC.type: self = .updateFulfillHTLC(try UpdateFulfillHTLC(from: &reader))
        case UpdateFailHTLC.type: self = .updateFailHTLC(try UpdateFailHTLC(from: &reader))
        case UpdateFailMalformedHTLC.type: self = .updateFailMalformedHTLC(try UpdateFailMalformedHTLC(from: &reader))
        case UpdateFee.type: self = .updateFee(try UpdateFee(from: &reader))
        case CommitmentSigned.type: self = .commitmentSigned(try CommitmentSigned(from: &reader))
        case RevokeAndAck.type: self = .revokeAndAck(try RevokeAndAck(from: &reader))
        case ChannelReestablish.type: self = .channelReestablish(try ChannelReestablish(from: &reader))
        case AnnouncementSignatures.type: self = .announcementSignatures(try AnnouncementSignatures(from: &reader))
        case ChannelAnnouncement.type: self = .channelAnnouncement(try ChannelAnnouncement(from: &reader))
        case NodeAnnouncement.type: self = .nodeAnnouncement(try NodeAnnouncement(from: &reader))
        case ChannelUpdate.type: self = .channelUpdate(try ChannelUpdate(from: &reader))
        case QueryShortChannelIDs.type: self = .queryShortChannelIDs(try QueryShortChannelIDs(from: &reader))
        case ReplyShortChannelIDsEnd.type: self = .replyShortChannelIDsEnd(try ReplyShortChannelIDsEnd(from: &reader))
        case QueryChannelRange.type: self = .queryChannelRange(try QueryChannelRange(from: &reader))
        case ReplyChannelRange.type: self = .replyChannelRange(try ReplyChannelRange(from: &reader))
        case GossipTimestampFilter.type: self = .gossipTimestampFilter(try GossipTimestampFilter(from: &reader))
        case OnionMessage.type: self = .onionMessage(try OnionMessage(from: &reader))
        case TowerStore.type: self = .towerStore(try TowerStore(from: &reader))
        case TowerStored.type: self = .towerStored(try TowerStored(from: &reader))
        case TowerRefused.type: self = .towerRefused(try TowerRefused(from: &reader))
        case TowerForget.type: self = .towerForget(try TowerForget(from: &reader))
        case TowerForgotten.type: self = .towerForgotten(try TowerForgotten(from: &reader))
        default:
            // BOLT 1: "upon receiving a message of _odd_, unknown type: MUST ignore"; "_even_ … MUST close".
            guard type % 2 == 1 else { throw .invalid("message type \(type)") }
            self = .unknown(type: type)
        }
    }

    /// Whether a message's type is one of BOLT 7's that tell or ask of the network, whatever follows it.
    package static func isGossip(_ wire: [UInt8]) -> Bool {
        guard wire.count >= 2 else { return false }
        let type = UInt16(wire[0]) << 8 | UInt16(wire[1])
        return [
            ChannelAnnouncement.type, NodeAnnouncement.type, ChannelUpdate.type, QueryShortChannelIDs.type, ReplyShortChannelIDsEnd.type,
            QueryChannelRange.type, ReplyChannelRange.type, GossipTimestampFilter.type,
        ].contains(type)
    }

    /// The body, unless the message is of an unknown type.
    package var body: (any MessageBody)? {
        switch self {
        case .initialize(let body): body
        case .error(let body): body
        case .warning(let body): body
        case .ping(let body): body
        case .pong(let body): body
        case .peerStorage(let body): body
        case .peerStorageRetrieval(let body): body
        case .openChannel(let body): body
        case .acceptChannel(let body): body
        case .fundingCreated(let body): body
        case .fundingSigned(let body): body
        case .channelReady(let body): body
        case .shutdown(let body): body
        case .closingSigned(let body): body
        case .closingComplete(let body): body
        case .closingSig(let body): body
        case .startBatch(let body): body
        case .updateAddHTLC(let body): body
        case .updateFulfillHTLC(let body): body
        case .updateFailHTLC(let body): body
        case .updateFailMalformedHTLC(let body): body
        case .updateFee(let body): body
        case .commitmentSigned(let body): body
        case .revokeAndAck(let body): body
        case .channelReestablish(let body): body
        case .announcementSignatures(let body): body
        case .channelAnnouncement(let body): body
        case .nodeAnnouncement(let body): body
        case .channelUpdate(let body): body
        case .queryShortChannelIDs(let body): body
        case .replyShortChannelIDsEnd(let body): body
        case .queryChannelRange(let body): body
        case .replyChannelRange(let body): body
        case .gossipTimestampFilter(let body): body
        case .onionMessage(let body): body
        case .towerStore(let body): body
        case .towerStored(let body): body
        case .towerRefused(let body): body
        case .towerForget(let body): body
        case .towerForgotten(let body): body
        case .unknown: nil
        }
    }

    /// The message as it goes over the wire.
    package var encoded: [UInt8] { body?.wire ?? [] }

    /// The channel a message is about, for messages that name one.
    package var channelID: ChannelID? {
        switch self {
        case .fundingSigned(let body): body.channelID
        case .channelReady(let body): body.channelID
        case .shutdown(let body): body.channelID
        case .closingSigned(let body): body.channelID
        case .closingComplete(let body): body.close.channelID
        case .closingSig(let body): body.close.channelID
        case .startBatch(let body): body.channelID
        case .updateAddHTLC(let body): body.channelID
        case .updateFulfillHTLC(let body): body.channelID
        case .updateFailHTLC(let body): body.channelID
        case .updateFailMalformedHTLC(let body): body.channelID
        case .updateFee(let body): body.channelID
        case .commitmentSigned(let body): body.channelID
        case .revokeAndAck(let body): body.channelID
        case .channelReestablish(let body): body.channelID
        case .announcementSignatures(let body): body.channelID
        default: nil
        }
    }
}

extension MessageBody {
    /// The message as it goes over the wire: two bytes of type, then the body.
    package var wire: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.uint16(Self.type)
        encode(to: &writer)
        return writer.bytes
    }
}
