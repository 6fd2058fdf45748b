internal import CSecp256k1

/// The process's one libsecp256k1 context, randomized against side channels; read-only use from many threads is safe.
enum Secp256k1 {
    nonisolated(unsafe) static let context: OpaquePointer = {
        let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE))!
        var entropy = Entropy.system()
        _ = secp256k1_context_randomize(context, entropy.bytes(32))
        return context
    }()
}
