import BitcoinPrimitives
package import CryptoPrimitives
package import LightningOnion
package import LightningWire

/// What is to become of an incoming HTLC.
package enum IncomingDecision: Hashable, Sendable {
    /// Without a reply where the payer is not to learn of us.
    case fulfill(PaymentPreimage, HTLCReply?)
    case fail(HTLCReply)
    case malformed(onionHash: Bytes32, code: UInt16)
}

/// What goes back to the payer, before our layer of encryption is put around it.
package struct HTLCReply: Hashable, Sendable {
    /// A failure; empty for a success.
    package var packet: [UInt8]
    /// That we share with the payer.
    package var sharedSecret: Bytes32
    /// What came from downstream; empty where we are the first to speak.
    package var attribution: [UInt8]
    /// Whether it hides what happened on a blinded path: "SHOULD add a random delay before sending update_fail_htlc".
    package var isDelayed = false

    package init(packet: [UInt8] = [], sharedSecret: Bytes32, attribution: [UInt8] = []) {
        self.packet = packet
        self.sharedSecret = sharedSecret
        self.attribution = attribution
    }

    /// What `update_fail_htlc` carries.
    package var reason: [UInt8] { FailurePacket.wrap(packet, sharedSecret: sharedSecret) }

    /// What goes with it.
    ///
    /// - Parameter time: for which we held the HTLC.
    package func attribution(heldFor time: Duration) -> [UInt8] {
        AttributionData.update(
            attribution, packet: packet, holdTime: UInt32(clamping: time.wholeMilliseconds / 100), sharedSecret: sharedSecret)
    }
}

/// How an answer to an HTLC finds its way back: what its onion says of that.
package struct OnionErrorContext: Hashable, Sendable {
    /// Where on a blinded path we are (BOLT 4 "Route Blinding"): nobody before it may learn what happens there.
    package struct Blinding: Hashable, Sendable {
        /// Whether we are its introduction point, which hides the failures of all the others.
        package var isIntroduction: Bool
        /// SHA-256 of the onion that we received.
        package var onionHash: Bytes32

        package init(isIntroduction: Bool, onionHash: Bytes32) {
            self.isIntroduction = isIntroduction
            self.onionHash = onionHash
        }
    }

    /// That we share with the payer.
    package var sharedSecret: Bytes32
    /// `nil` outside of a blinded path, and where a path has no node but us.
    package var blinding: Blinding?
    /// Whether we are the only node of a path: "SHOULD add a random delay before returning errors". Of use to payees alone, who keep
    /// no record of it.
    package var isDelayed = false

    package init(sharedSecret: Bytes32, blinding: Blinding? = nil) {
        self.sharedSecret = sharedSecret
        self.blinding = blinding
    }

    /// A failure of our own.
    package func fail(_ message: FailureMessage) -> IncomingDecision {
        concealed ?? .fail(reply(message, isDelayed: isDelayed))
    }

    private func reply(_ message: FailureMessage, isDelayed: Bool) -> HTLCReply {
        var reply = HTLCReply(packet: FailurePacket.plain(message, sharedSecret: sharedSecret), sharedSecret: sharedSecret)
        reply.isDelayed = isDelayed
        return reply
    }

    /// A failure that came from downstream.
    package func fail(packet: [UInt8], attribution: [UInt8]) -> IncomingDecision {
        concealed ?? .fail(HTLCReply(packet: packet, sharedSecret: sharedSecret, attribution: attribution))
    }

    /// The preimage.
    ///
    /// - Parameter attribution: that came from downstream.
    package func fulfill(_ preimage: PaymentPreimage, attribution: [UInt8] = []) -> IncomingDecision {
        // "if path_key is not set in the incoming update_add_htlc: MUST initialize attribution_data": inside, there is none.
        let isInside = blinding.map { !$0.isIntroduction } ?? false
        return .fulfill(preimage, isInside ? nil : HTLCReply(sharedSecret: sharedSecret, attribution: attribution))
    }

    /// BOLT 2: "MUST send an update_fail_htlc error using the invalid_onion_blinding failure code for any local or downstream
    /// errors"; inside of the path an `update_fail_malformed_htlc`.
    private var concealed: IncomingDecision? {
        guard let blinding else { return nil }
        guard blinding.isIntroduction else {
            return .malformed(onionHash: blinding.onionHash, code: FailureMessage.invalidOnionBlindingCode)
        }
        return .fail(reply(.invalidOnionBlinding(onionHash: blinding.onionHash.array), isDelayed: true))
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(sharedSecret)
        writer.optional(blinding) { writer, blinding in
            writer.uint8(blinding.isIntroduction ? 1 : 0)
            writer.write(blinding.onionHash)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        sharedSecret = try reader.bytes32()
        blinding = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            Blinding(isIntroduction: try r.uint8() == 1, onionHash: try r.bytes32())
        }
    }
}
