/// BOLT 2 "Defined Channel Types": the persistent features of a channel.
public struct ChannelType: Hashable, Sendable, CustomStringConvertible {
    public var features: FeatureBits

    public init(_ features: FeatureBits) { self.features = features }

    /// `option_static_remotekey` alone.
    public static let staticRemoteKey = ChannelType(FeatureBits(optional: [], compulsory: [.staticRemoteKey]))
    /// `option_anchors` and `option_static_remotekey`: zero-fee HTLC transactions.
    public static let anchors = ChannelType(FeatureBits(optional: [], compulsory: [.staticRemoteKey, .anchors]))

    public var hasAnchors: Bool { features.contains(Feature.anchors.rawValue) }
    public var hasSCIDAlias: Bool { features.contains(Feature.scidAlias.rawValue) }
    public var hasZeroconf: Bool { features.contains(Feature.zeroconf.rawValue) }

    /// The type without the variations that BOLT 2 allows for each.
    public var base: ChannelType {
        var result = FeatureBits()
        let variations = [Feature.scidAlias.rawValue, Feature.zeroconf.rawValue]
        for bit in features.bits where !variations.contains(bit) { result.set(bit) }
        return ChannelType(result)
    }

    public var description: String {
        switch base {
        case .anchors: "anchors"
        case .staticRemoteKey: "static_remotekey"
        default: "type(\(features))"
        }
    }
}
