import CryptoPrimitives
import Foundation
import LightningFuzzing
import LightningSimulation
import TestSupport
import Testing

/// Bytes that were changed in many ways, at every place where bytes of others come in.
///
/// A number of seeded inputs for each: the seed of a run is `FUZZ_SEED`, and their number `FUZZ_COUNT`. What fails is printed as hexadecimal digits.
@Suite("bytes of others", .ownThreads)
struct FuzzTests {
    static let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
    static let count = ProcessInfo.processInfo.environment["FUZZ_COUNT"].flatMap { Int($0) } ?? 2000

    static let corpus = Result { try Corpus() }

    /// One of many things that can happen to bytes.
    static func changed(_ input: [UInt8], _ other: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = input
        for _ in 0...Int.random(in: 0...3, using: &random) {
            let place = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...7, using: &random) {
            case 0: if !bytes.isEmpty { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
            case 1: if !bytes.isEmpty { bytes[place] = [0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff].randomElement(using: &random)! }
            case 2: bytes.removeSubrange(place...)
            case 3:
                bytes.insert(
                    contentsOf: (0..<Int.random(in: 1...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) },
                    at: place)
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
            case 5: bytes = Array(bytes.prefix(place)) + other.suffix(max(0, other.count - place))
            case 6:
                // A length or an amount as large as it can be.
                for index in place..<min(bytes.count, place + [1, 2, 4, 8].randomElement(using: &random)!) { bytes[index] = 0xff }
            default: bytes += bytes.suffix(place)
            }
            if bytes.count > 200_000 { bytes = Array(bytes.prefix(200_000)) }
        }
        return bytes
    }

    @Test("none of them traps, and what is read is the same when it is written and read again", arguments: EntryPoint.allCases)
    func changedInputs(_ entry: EntryPoint) throws {
        let corpus = try Self.corpus.get()
        let inputs = try #require(corpus.inputs[entry])
        func run(_ bytes: [UInt8]) -> Bool {
            do throws(EntryPoint.Unstable) { return try entry.run(bytes, corpus.ledger) } catch {
                Issue.record("\(entry.rawValue), seed \(Self.seed), is not read again as it was: \(Hex.encode(bytes))")
                return false
            }
        }
        // Of messages that a hostile peer makes up not all can be read.
        for input in inputs { #expect(run(input) || entry == .decodeMessage, "\(entry.rawValue) \(Hex.encode(input))") }
        var random = SeededRandom(seed: Self.seed)
        var read = 0
        for _ in 0..<Self.count {
            let bytes = Self.changed(inputs.randomElement(using: &random)!, inputs.randomElement(using: &random)!, using: &random)
            if run(bytes) { read += 1 }
        }
        #expect(read < Self.count, "some of them must be refused")
    }
}
