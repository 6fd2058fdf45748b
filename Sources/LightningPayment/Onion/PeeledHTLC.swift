import BitcoinPrimitives
package import CryptoPrimitives
package import LightningOnion
package import LightningWire

/// What an HTLC's onion tells this node.
package enum PeeledHTLC: Sendable {
    case refused(IncomingDecision)
    /// We are the payee.
    case final(HopPayload, OnionErrorContext)
    case forward(ForwardRequest)

    /// Peels one layer and reads what it holds (BOLT 4 "Onion Decryption", "payload format").
    package init(
        _ htlc: IncomingHTLC, onion: [UInt8], nodeSecret: borrowing SecretKey
    ) {
        let onionHash = Hash.sha256(onion)
        let peeled: OnionPacket.Peeled?
        let code: UInt16
        do throws(OnionRefusal) {
            peeled = try Self.peel(htlc, onion, nodeSecret)
            code = 0
        } catch {
            peeled = nil
            // "if path_key is set in the incoming update_add_htlc: MUST return an invalid_onion_blinding error".
            code = htlc.pathKey == nil ? error.failureCode : FailureMessage.invalidOnionBlindingCode
        }
        guard let peeled else {
            self = .refused(.malformed(onionHash: onionHash, code: code))
            return
        }
        var errorContext = OnionErrorContext(sharedSecret: peeled.sharedSecret)
        let isFinal = peeled.next == nil
        if htlc.pathKey != nil {
            errorContext.blinding = .init(isIntroduction: false, onionHash: onionHash)
        } else if HopPayload.hasPathKey(peeled.payload) {
            // "if current_path_key is set in the onion payload and it is not the final node": whoever stands behind the introduction
            // point is hidden by it, whatever is wrong.
            if isFinal { errorContext.isDelayed = true } else { errorContext.blinding = .init(isIntroduction: true, onionHash: onionHash) }
        }
        do throws(FailureMessage) {
            let payload = try HopPayload(peeled.payload)
            guard let data = payload.encryptedRecipientData else {
                // "Otherwise (it is not part of a blinded route): MUST return an error if path_key is set in the incoming
                // update_add_htlc or current_path_key is present".
                guard htlc.pathKey == nil, payload.currentPathKey == nil else { throw .invalidOnionPayload(type: 12, offset: 0) }
                self = isFinal ? .final(payload, errorContext) : .forward(try Self.request(htlc, payload, peeled.next!, errorContext))
                return
            }
            // "If path_key is set in the incoming update_add_htlc: MUST return an error if current_path_key is present …
            // Otherwise: MUST return an error if current_path_key is not present".
            guard (htlc.pathKey == nil) != (payload.currentPathKey == nil), let pathKey = htlc.pathKey ?? payload.currentPathKey,
                payload.isBlinded(final: isFinal),
                let opened = BlindedPath.open(data, pathKey: pathKey, nodeSecret: nodeSecret), opened.data.admits(htlc)
            else { throw .invalidOnionPayload(type: 10, offset: 0) }
            if let next = peeled.next {
                self = .forward(try Self.request(htlc, opened, next, errorContext))
            } else {
                self = .final(try Self.final(payload, opened.data), errorContext)
            }
        } catch {
            self = .refused(errorContext.fail(error))
        }
    }

    private static func peel(
        _ htlc: IncomingHTLC, _ onion: [UInt8], _ nodeSecret: borrowing SecretKey
    ) throws(OnionRefusal) -> OnionPacket.Peeled {
        let associatedData = htlc.paymentHash.bytes.array
        guard let pathKey = htlc.pathKey else {
            return try OnionPacket.peel(onion, nodeSecret: nodeSecret, associatedData: associatedData)
        }
        // BOLT 2: "MUST use path_key (if specified)": the onion is for our blinded id.
        guard let blinded = BlindedPath.blindedSecret(pathKey: pathKey, nodeSecret: nodeSecret) else { throw .invalidKey }
        return try OnionPacket.peel(onion, nodeSecret: blinded, associatedData: associatedData)
    }

    /// What a payload outside of a blinded path has us do.
    private static func request(
        _ htlc: IncomingHTLC, _ payload: HopPayload, _ onion: [UInt8], _ errorContext: OnionErrorContext
    ) throws(FailureMessage) -> ForwardRequest {
        // "MUST return an error if amt_to_forward or outgoing_cltv_value are not present … short_channel_id is not present".
        guard let amount = payload.amountToForward else { throw .invalidOnionPayload(type: 2, offset: 0) }
        guard let expiry = payload.outgoingCLTV else { throw .invalidOnionPayload(type: 4, offset: 0) }
        guard let channel = payload.shortChannelID else { throw .invalidOnionPayload(type: 6, offset: 0) }
        return ForwardRequest(
            incoming: htlc, next: .channel(channel), amount: amount, cltvExpiry: expiry, onion: onion, errorContext: errorContext)
    }

    /// What the recipient of a blinded path has us do.
    private static func request(
        _ htlc: IncomingHTLC, _ opened: BlindedPath.Opened, _ onion: [UInt8], _ errorContext: OnionErrorContext
    ) throws(FailureMessage) -> ForwardRequest {
        let data = opened.data
        let next: ForwardRequest.Next
        switch (data.shortChannelID, data.nextNodeID) {
        case (let channel?, nil): next = .channel(channel)
        case (nil, let node?): next = .node(node)
        // "MUST return an error if: … encrypted_recipient_data contains both short_channel_id and next_node_id"; "does not contain either …".
        default: throw .invalidOnionPayload(type: 10, offset: 0)
        }
        // "does not contain payment_relay"; what is left must be an HTLC at all.
        guard let relay = data.relay, let amount = relay.amountToForward(htlc.amount),
            let expiry = htlc.cltvExpiry.earlier(by: UInt32(relay.cltvExpiryDelta))
        else { throw .invalidOnionPayload(type: 10, offset: 0) }
        var request = ForwardRequest(
            incoming: htlc, next: next, amount: amount, cltvExpiry: expiry, onion: onion,
            errorContext: errorContext)
        request.pathKey = opened.nextPathKey
        return request
    }

    /// The payload of a payment over a path of ours, with what we told ourselves.
    private static func final(_ payload: HopPayload, _ data: EncryptedRecipientData) throws(FailureMessage) -> HopPayload {
        // "MUST return an error if amt_to_forward, outgoing_cltv_value or total_amount_msat are not present".
        guard payload.totalAmount != nil else { throw .invalidOnionPayload(type: 18, offset: 0) }
        // We make no path without an id: whoever has none was not made by us.
        guard let secret = data.pathID.flatMap({ Bytes32($0) }), data.shortChannelID == nil, data.nextNodeID == nil else {
            throw .invalidOnionPayload(type: 10, offset: 0)
        }
        var payload = payload
        payload.paymentSecret = secret
        return payload
    }
}

extension EncryptedRecipientData {
    /// Whether an HTLC meets what the recipient demands of the payments over its path.
    func admits(_ htlc: IncomingHTLC) -> Bool {
        // "If allowed_features is missing: MUST process the message as if it were present and contained an empty array. MUST return
        // an error if … contains an unknown feature bit (even if it is odd)": and none is known yet.
        guard allowedFeatures?.bits.isEmpty ?? true else { return false }
        guard let constraints else { return true }
        return htlc.cltvExpiry <= constraints.maxCLTVExpiry && htlc.amount >= constraints.htlcMinimum
    }
}

/// What a payer, or the recipient of a blinded path, asks a forwarding node to do.
package struct ForwardRequest: Hashable, Sendable {
    package enum Next: Hashable, Sendable {
        /// By which the next channel is meant: its short id, or an alias.
        case channel(ShortChannelID)
        /// Any channel with this node.
        case node(NodeID)
    }

    package var incoming: IncomingHTLC
    package var next: Next
    package var amount: MilliSatoshi
    package var cltvExpiry: CLTVExpiry
    /// For the next node.
    package var onion: [UInt8]
    /// On a blinded path: for the next node too.
    package var pathKey: PublicKey?
    package var errorContext: OnionErrorContext

    package init(
        incoming: IncomingHTLC, next: Next, amount: MilliSatoshi, cltvExpiry: CLTVExpiry, onion: [UInt8], errorContext: OnionErrorContext
    ) {
        self.incoming = incoming
        self.next = next
        self.amount = amount
        self.cltvExpiry = cltvExpiry
        self.onion = onion
        self.errorContext = errorContext
    }
}
