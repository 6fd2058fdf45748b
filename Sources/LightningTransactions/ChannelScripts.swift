package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// BOLT 3's scripts.
package enum ChannelScripts {
    /// "Funding Transaction Output": 2 of 2, the keys in the order of their bytes.
    package static func funding(_ first: PublicKey, _ second: PublicKey) -> Script {
        let (low, high) = first < second ? (first, second) : (second, first)
        return Script([
            .op(.two), .push(low.compressed), .push(high.compressed), .op(.two), .op(.checkMultiSig),
        ])
    }

    /// "`to_local` Output": the revocation key at once, or the holder after its delay.
    package static func toLocal(revocation: PublicKey, delay: UInt16, delayed: PublicKey) -> Script {
        Script([
            .op(.if), .push(revocation.compressed), .op(.else), .number(Int64(delay)), .op(.checkSequenceVerify),
            .op(.drop), .push(delayed.compressed), .op(.endIf), .op(.checkSig),
        ])
    }

    /// "`to_remote` Output" under `option_anchors`: the counterparty, one block later.
    package static func toRemoteAnchors(_ key: PublicKey) -> Script {
        Script([.push(key.compressed), .op(.checkSigVerify), .op(.one), .op(.checkSequenceVerify)])
    }

    /// The output script that pays the counterparty in a commitment.
    package static func toRemoteOutput(_ key: PublicKey, hasAnchors: Bool) -> Script {
        hasAnchors ? .p2wsh(toRemoteAnchors(key)) : .p2wpkh(key)
    }

    /// "`to_local_anchor` and `to_remote_anchor` Output".
    package static func anchor(_ fundingKey: PublicKey) -> Script {
        Script([
            .push(fundingKey.compressed), .op(.checkSig), .op(.ifDup), .op(.notIf), .number(16),
            .op(.checkSequenceVerify), .op(.endIf),
        ])
    }

    /// "Offered HTLC Outputs".
    package static func offeredHTLC(keys: CommitmentKeys, paymentHash: [UInt8], hasAnchors: Bool) -> Script {
        offeredHTLC(keys: keys, paymentHash160: Hash.ripemd160(paymentHash), hasAnchors: hasAnchors)
    }

    /// The same by what the script holds of the payment hash: its RIPEMD-160.
    package static func offeredHTLC(keys: CommitmentKeys, paymentHash160: [UInt8], hasAnchors: Bool) -> Script {
        var script = Script([
            .op(.dup), .op(.hash160), .push(Hash.hash160(keys.revocation.compressed)), .op(.equal), .op(.if),
            .op(.checkSig), .op(.else), .push(keys.counterpartyHTLC.compressed), .op(.swap), .op(.size), .number(32),
            .op(.equal), .op(.notIf), .op(.drop), .op(.two), .op(.swap), .push(keys.holderHTLC.compressed),
            .op(.two), .op(.checkMultiSig), .op(.else), .op(.hash160), .push(paymentHash160),
            .op(.equalVerify), .op(.checkSig), .op(.endIf),
        ])
        appendAnchorDelay(&script, hasAnchors)
        return script
    }

    /// "Received HTLC Outputs".
    package static func receivedHTLC(
        keys: CommitmentKeys, paymentHash: [UInt8], cltvExpiry: CLTVExpiry, hasAnchors: Bool
    ) -> Script {
        receivedHTLC(keys: keys, paymentHash160: Hash.ripemd160(paymentHash), cltvExpiry: cltvExpiry, hasAnchors: hasAnchors)
    }

    /// The same by what the script holds of the payment hash: its RIPEMD-160.
    package static func receivedHTLC(
        keys: CommitmentKeys, paymentHash160: [UInt8], cltvExpiry: CLTVExpiry, hasAnchors: Bool
    ) -> Script {
        var script = Script([
            .op(.dup), .op(.hash160), .push(Hash.hash160(keys.revocation.compressed)), .op(.equal), .op(.if),
            .op(.checkSig), .op(.else), .push(keys.counterpartyHTLC.compressed), .op(.swap), .op(.size), .number(32),
            .op(.equal), .op(.if), .op(.hash160), .push(paymentHash160), .op(.equalVerify), .op(.two),
            .op(.swap), .push(keys.holderHTLC.compressed), .op(.two), .op(.checkMultiSig), .op(.else), .op(.drop),
            .number(Int64(cltvExpiry.value)), .op(.checkLockTimeVerify), .op(.drop), .op(.checkSig), .op(.endIf),
        ])
        appendAnchorDelay(&script, hasAnchors)
        return script
    }

    /// Under `option_anchors` every HTLC path waits one block, and every branch ends the same way.
    private static func appendAnchorDelay(_ script: inout Script, _ hasAnchors: Bool) {
        if hasAnchors {
            script.append(.op(.one))
            script.append(.op(.checkSequenceVerify))
            script.append(.op(.drop))
        }
        script.append(.op(.endIf))
    }
}
