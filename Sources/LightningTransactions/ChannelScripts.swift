package import BitcoinPrimitives
package import CryptoPrimitives

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
}
