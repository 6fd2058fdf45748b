/// BOLT 2 "Defined Channel Types": the persistent features of a channel.
public struct ChannelType: Hashable, Sendable, CustomStringConvertible {
    /// In the shortest form: what a peer puts before it is not kept.
    package let features: FeatureBits

    package init(_ features: FeatureBits) { self.features = features.normalized }

    /// Bytes of a `channel_type` that are looked at: more than any feature needs.
    public static let maximumLength = 32

    /// `option_static_remotekey` alone.
    public static let staticRemoteKey = ChannelType(FeatureBits(optional: [], compulsory: [.staticRemoteKey]))
    /// `option_anchors` and `option_static_remotekey`: zero-fee HTLC transactions.
    public static let anchors = ChannelType(FeatureBits(optional: [], compulsory: [.staticRemoteKey, .anchors]))

    /// Whether commitments have anchor outputs.
    public var hasAnchors: Bool { features.contains(Feature.anchors.rawValue) }
    /// Whether the channel is called by aliases only.
    public var hasSCIDAlias: Bool { features.contains(Feature.scidAlias.rawValue) }
    /// Whether it is used before its funding transaction confirms.
    public var hasZeroconf: Bool { features.contains(Feature.zeroconf.rawValue) }

    /// The type without the variations that BOLT 2 allows for each.
    public var base: ChannelType {
        var result = features
        result.clear(Feature.scidAlias.rawValue)
        result.clear(Feature.zeroconf.rawValue)
        return ChannelType(result)
    }

    public var description: String {
        let name: String
        switch base {
        case .anchors: name = "anchors"
        case .staticRemoteKey: name = "static_remotekey"
        default: return "type(\(features))"
        }
        return name + (hasSCIDAlias ? " with scid_alias" : "") + (hasZeroconf ? " with zeroconf" : "")
    }
}
