import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// BOLT 4's `tlv_payload`: what a hop is told.
package struct HopPayload: Hashable, Sendable {
    package var amountToForward: MilliSatoshi?
    package var outgoingCLTV: CLTVExpiry?
    /// The channel to forward over; `nil` for the last hop.
    package var shortChannelID: ShortChannelID?
    package var paymentSecret: Bytes32?
    package var totalAmount: MilliSatoshi?
    package var paymentMetadata: [UInt8]?
    /// The preimage itself, for a spontaneous payment (keysend).
    package var keysendPreimage: PaymentPreimage?
    /// What the recipient of a blinded path tells this hop.
    package var encryptedRecipientData: [UInt8]?
    /// With which the introduction point of a blinded path opens it.
    package var currentPathKey: PublicKey?

    /// What applications send along: types of 65536 and above (BOLT 1).
    package var customRecords: [UInt64: [UInt8]] = [:]

    /// Whether there were fields of odd types that we do not know.
    package private(set) var hasUnknownFields = false

    static let keysendType: UInt64 = 5_482_373_484
    /// BOLT 1: "type identifiers greater than or equal to 2^16 are available for custom records".
    package static let firstCustomType: UInt64 = 65_536

    package init() {}

    /// The payload for a hop that forwards.
    package static func forward(amount: MilliSatoshi, cltvExpiry: CLTVExpiry, over channel: ShortChannelID) -> HopPayload {
        var payload = HopPayload()
        payload.amountToForward = amount
        payload.outgoingCLTV = cltvExpiry
        payload.shortChannelID = channel
        return payload
    }

    /// The payload for the last hop of a payment to an invoice.
    package static func final(
        amount: MilliSatoshi, cltvExpiry: CLTVExpiry, paymentSecret: Bytes32, total: MilliSatoshi, metadata: [UInt8]?
    ) -> HopPayload {
        var payload = HopPayload()
        payload.amountToForward = amount
        payload.outgoingCLTV = cltvExpiry
        payload.paymentSecret = paymentSecret
        payload.totalAmount = total
        payload.paymentMetadata = metadata
        return payload
    }

    /// The payload for the last hop of a spontaneous payment.
    package static func keysend(
        amount: MilliSatoshi, cltvExpiry: CLTVExpiry, preimage: PaymentPreimage
    ) -> HopPayload {
        var payload = HopPayload()
        payload.amountToForward = amount
        payload.outgoingCLTV = cltvExpiry
        payload.keysendPreimage = preimage
        return payload
    }

    /// The payload for a forwarding hop of a blinded path: "MUST NOT include any other tlv field".
    ///
    /// - Parameter pathKey: for the introduction point alone.
    package static func blinded(_ encryptedData: [UInt8], pathKey: PublicKey?) -> HopPayload {
        var payload = HopPayload()
        payload.encryptedRecipientData = encryptedData
        payload.currentPathKey = pathKey
        return payload
    }

    /// The payload for the last hop of a blinded path.
    package static func blindedFinal(
        _ encryptedData: [UInt8], pathKey: PublicKey?, amount: MilliSatoshi, cltvExpiry: CLTVExpiry, total: MilliSatoshi
    ) -> HopPayload {
        var payload = blinded(encryptedData, pathKey: pathKey)
        payload.amountToForward = amount
        payload.outgoingCLTV = cltvExpiry
        payload.totalAmount = total
        return payload
    }

    /// Whether there is nothing but what a node inside a blinded path may be told.
    ///
    /// - Parameter isFinal: for the last node: `amt_to_forward`, `outgoing_cltv_value` and `total_amount_msat` too.
    package func isBlinded(final isFinal: Bool) -> Bool {
        guard encryptedRecipientData != nil, shortChannelID == nil, paymentSecret == nil, paymentMetadata == nil,
            keysendPreimage == nil, customRecords.isEmpty, !hasUnknownFields
        else { return false }
        return isFinal || (amountToForward == nil && outgoingCLTV == nil && totalAmount == nil)
    }

    private static func integer(_ value: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.truncatedInteger(value)
        return writer.bytes
    }

    package func encoded() -> [UInt8] {
        var stream = TLVStream()
        stream[2] = amountToForward.map { Self.integer($0.value) }
        stream[4] = outgoingCLTV.map { Self.integer(UInt64($0.value)) }
        if let shortChannelID {
            var writer = ByteWriter()
            writer.shortChannelID(shortChannelID)
            stream[6] = writer.bytes
        }
        if let paymentSecret { stream[8] = paymentSecret.array + Self.integer(totalAmount?.value ?? 0) }
        stream[10] = encryptedRecipientData
        stream[12] = currentPathKey?.compressed
        // Without a payment secret the total has a field of its own.
        if paymentSecret == nil { stream[18] = totalAmount.map { Self.integer($0.value) } }
        stream[16] = paymentMetadata
        for (type, value) in customRecords { stream[type] = value }
        stream[Self.keysendType] = keysendPreimage?.bytes.array
        var writer = ByteWriter()
        stream.encode(to: &writer)
        return writer.bytes
    }

    /// Parses a payload; the failure names the offending type and where it stands, as `invalid_onion_payload` wants.
    package init(_ bytes: [UInt8]) throws(FailureMessage) {
        // BOLT 4: "the erring node may include that type and its byte offset in the decrypted byte stream".
        var reader = ByteReader(bytes)
        var previous: UInt64?
        while !reader.isAtEnd {
            let offset = UInt16(reader.offset)
            var type: UInt64 = 0
            do throws(DecodingFailure) {
                type = try reader.bigSize()
                if let previous, type <= previous { throw .invalid("order") }
                previous = type
                let length = try reader.bigSize()
                guard length <= UInt64(reader.remaining) else { throw .truncated }
                var value = ByteReader(try reader.read(Int(length)))
                try read(type, &value)
                try value.expectEnd()
            } catch {
                throw .invalidOnionPayload(type: type, offset: offset)
            }
        }
    }

    /// Whether a payload has a `current_path_key`, even if something else in it cannot be read.
    package static func hasPathKey(_ bytes: [UInt8]) -> Bool {
        var reader = ByteReader(bytes)
        while let type = try? reader.bigSize(), type <= 12 {
            if type == 12 { return true }
            guard let length = try? reader.bigSize(), length <= UInt64(reader.remaining), (try? reader.read(Int(length))) != nil else {
                return false
            }
        }
        return false
    }

    private mutating func read(_ type: UInt64, _ value: inout ByteReader) throws(DecodingFailure) {
        switch type {
        case 2: amountToForward = MilliSatoshi(try value.truncatedInteger(maximumBytes: 8))
        case 4: outgoingCLTV = CLTVExpiry(UInt32(try value.truncatedInteger(maximumBytes: 4)))
        case 6: shortChannelID = try value.shortChannelID()
        case 8:
            paymentSecret = try value.bytes32()
            totalAmount = MilliSatoshi(try value.truncatedInteger(maximumBytes: 8))
        case 10: encryptedRecipientData = value.rest()
        case 12: currentPathKey = try value.point()
        case 16: paymentMetadata = value.rest()
        case 18: totalAmount = MilliSatoshi(try value.truncatedInteger(maximumBytes: 8))
        case Self.keysendType: keysendPreimage = PaymentPreimage(try value.bytes32())
        default:
            guard type % 2 == 1 else { throw .invalid("unknown even type") }
            let bytes = value.rest()
            if type >= Self.firstCustomType { customRecords[type] = bytes } else { hasUnknownFields = true }
        }
    }
}
