package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// BOLT 3's scripts of the HTLC outputs in one commitment: they differ in the payment hash and the expiry alone, and what they have in
/// common is put together once.
package struct HTLCScripts: Hashable, Sendable {
    /// `local_htlcpubkey` in BOLT 3's terms, the key of the commitment's holder.
    package let holderKey: PublicKey
    /// `remote_htlcpubkey` in BOLT 3's terms.
    package let counterpartyKey: PublicKey
    private let offered: (head: Script, tail: Script)
    private let received: (head: Script, middle: Script, tail: Script)

    init(_ keys: CommitmentKeys, hasAnchors: Bool) {
        let point = keys.perCommitmentPoint
        holderKey = KeyDerivation.publicKey(basepoint: keys.holderHTLCBasepoint, perCommitmentPoint: point)
        counterpartyKey = KeyDerivation.publicKey(basepoint: keys.counterpartyHTLCBasepoint, perCommitmentPoint: point)
        let (holder, counterparty) = (holderKey.compressed, counterpartyKey.compressed)
        let begin: [Script.Part] = [
            .op(.dup), .op(.hash160), .push(Hash.hash160(keys.revocation.compressed)), .op(.equal), .op(.if), .op(.checkSig), .op(.else),
            .push(counterparty), .op(.swap), .op(.size), .number(32), .op(.equal),
        ]
        // Under `option_anchors` every HTLC path waits one block, and every branch ends the same way.
        let end: [Script.Part] =
            hasAnchors ? [.op(.one), .op(.checkSequenceVerify), .op(.drop), .op(.endIf)] : [.op(.endIf)]
        offered = (
            Script(
                begin + [
                    .op(.notIf), .op(.drop), .op(.two), .op(.swap), .push(holder), .op(.two), .op(.checkMultiSig), .op(.else),
                    .op(.hash160),
                ]),
            Script([.op(.equalVerify), .op(.checkSig), .op(.endIf)] + end)
        )
        received = (
            Script(begin + [.op(.if), .op(.hash160)]),
            Script([
                .op(.equalVerify), .op(.two), .op(.swap), .push(holder), .op(.two), .op(.checkMultiSig), .op(.else), .op(.drop),
            ]),
            Script([.op(.checkLockTimeVerify), .op(.drop), .op(.checkSig), .op(.endIf)] + end)
        )
    }

    /// "Offered HTLC Outputs".
    ///
    /// - Parameter paymentHash160: what the script holds of the payment hash: its RIPEMD-160.
    package func offered(paymentHash160: [UInt8]) -> Script {
        var script = Self.empty()
        script.bytes += offered.head.bytes
        script.append(.push(paymentHash160))
        script.bytes += offered.tail.bytes
        return script
    }

    /// "Received HTLC Outputs".
    package func received(paymentHash160: [UInt8], cltvExpiry: CLTVExpiry) -> Script {
        var script = Self.empty()
        script.bytes += received.head.bytes
        script.append(.push(paymentHash160))
        script.bytes += received.middle.bytes
        script.append(.number(Int64(cltvExpiry.value)))
        script.bytes += received.tail.bytes
        return script
    }

    /// The script of an HTLC's output.
    package func script(of htlc: CommitmentHTLC) -> Script {
        let hash = Hash.ripemd160(htlc.paymentHash.bytes.array)
        return htlc.isOfferedByHolder ? offered(paymentHash160: hash) : received(paymentHash160: hash, cltvExpiry: htlc.cltvExpiry)
    }

    /// With room for the longest of these scripts.
    private static func empty() -> Script {
        var script = Script()
        script.bytes.reserveCapacity(144)
        return script
    }

    package static func == (left: HTLCScripts, right: HTLCScripts) -> Bool {
        left.offered == right.offered && left.received == right.received
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(holderKey)
        hasher.combine(counterpartyKey)
    }
}
