/// BOLT 9's features that this implementation has names for, by their even (compulsory) bit.
package enum Feature: Int, Sendable, CaseIterable {
    case dataLossProtect = 0
    case upfrontShutdownScript = 4
    case gossipQueries = 6
    case varOnionOptin = 8
    case gossipQueriesEx = 10
    case staticRemoteKey = 12
    case paymentSecret = 14
    case basicMPP = 16
    case supportLargeChannel = 18
    case anchors = 22
    case routeBlinding = 24
    case shutdownAnySegwit = 26
    case dualFund = 28
    case quiesce = 34
    case attributionData = 36
    case onionMessages = 38
    case provideStorage = 42
    case channelType = 44
    case scidAlias = 46
    case paymentMetadata = 48
    case zeroconf = 50
    case keysend = 54
    case simpleClose = 60
    case splice = 62
    /// bLIP 39: an invoice whose ways are in its `b` fields.
    case invoiceBlindedPaths = 262

    /// Those that this implementation honours where somebody demands them. A name alone is not knowing: whoever demands splicing, or
    /// simple closes, is not served by a node that has heard of them.
    package static let implemented: Set<Feature> = [
        .dataLossProtect, .gossipQueries, .varOnionOptin, .gossipQueriesEx, .staticRemoteKey, .paymentSecret, .basicMPP,
        .supportLargeChannel, .anchors, .routeBlinding, .shutdownAnySegwit, .attributionData, .channelType, .scidAlias,
        .paymentMetadata, .keysend, .invoiceBlindedPaths,
    ]

    /// BOLT 9's dependencies.
    package var dependencies: [Feature] {
        switch self {
        case .basicMPP: [.paymentSecret]
        case .zeroconf: [.scidAlias]
        case .simpleClose: [.shutdownAnySegwit]
        default: []
        }
    }
}

/// A bit map of features, big-endian; what came over a wire keeps its padding.
package struct FeatureBits: Hashable, Sendable, CustomStringConvertible {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Offers features as optional, demands others.
    package init(optional: [Feature], compulsory: [Feature] = []) {
        for feature in optional { set(feature.rawValue + 1) }
        for feature in compulsory { set(feature.rawValue) }
    }

    package func contains(_ bit: Int) -> Bool {
        let index = bytes.count - 1 - bit / 8
        return index >= 0 && bytes[index] >> UInt8(bit % 8) & 1 == 1
    }

    package mutating func set(_ bit: Int) {
        let needed = bit / 8 + 1
        if bytes.count < needed { bytes.insert(contentsOf: repeatElement(0, count: needed - bytes.count), at: 0) }
        bytes[bytes.count - 1 - bit / 8] |= 1 << UInt8(bit % 8)
    }

    package mutating func clear(_ bit: Int) {
        let index = bytes.count - 1 - bit / 8
        if index >= 0 { bytes[index] &= ~(1 << UInt8(bit % 8)) }
    }

    /// The same features without zero bytes before them, which mean nothing.
    package var normalized: FeatureBits { FeatureBits(Array(bytes.drop { $0 == 0 })) }

    /// Whether the feature is offered, as optional or as compulsory.
    package func offers(_ feature: Feature) -> Bool {
        contains(feature.rawValue) || contains(feature.rawValue + 1)
    }

    /// The bits that are set, lowest first.
    package var bits: [Int] { (0..<bytes.count * 8).filter(contains) }

    /// Compulsory bits that are not among the given features.
    ///
    /// - Parameter known: what is understood; by default all that this implementation has.
    package func unknownCompulsory(known: Set<Feature> = Feature.implemented) -> [Int] {
        bits.filter { bit in bit % 2 == 0 && !(Feature(rawValue: bit).map(known.contains) ?? false) }
    }

    /// The first offered feature whose dependency is not offered.
    package var missingDependency: (feature: Feature, needs: Feature)? {
        for feature in Feature.allCases where offers(feature) {
            for dependency in feature.dependencies where !offers(dependency) { return (feature, dependency) }
        }
        return nil
    }

    /// The bits of both.
    package func union(_ other: FeatureBits) -> FeatureBits {
        let (long, short) = bytes.count < other.bytes.count ? (other.bytes, bytes) : (bytes, other.bytes)
        var result = long
        for (offset, byte) in short.reversed().enumerated() { result[long.count - 1 - offset] |= byte }
        return FeatureBits(result)
    }

    /// The bits as a list; of very many only the first: a peer may have set them all.
    package var description: String { Self.list(bits) }

    /// Bits as a list that is short whatever a peer sent.
    package static func list(_ bits: [Int]) -> String {
        bits.prefix(32).map(String.init).joined(separator: ",") + (bits.count > 32 ? ",…" : "")
    }
}
