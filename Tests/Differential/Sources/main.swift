// Random blocks, good and spoiled in every field, and what this ledger says of each: for another judge to compare.
//
// usage: ledger-differential SEED CASES [policy]
// Each line: the verdict, a tab, the block in hex, a tab, what was done to it. A line `tip HEIGHT HASH` follows each case.
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningSimulation

let arguments = CommandLine.arguments
guard (3...4).contains(arguments.count), let seed = UInt64(arguments[1]), let cases = Int(arguments[2]) else {
    FileHandle.standardError.write(Data("usage: ledger-differential SEED CASES [policy]\n".utf8))
    exit(2)
}
if arguments.count == 4 {
    // Transactions instead, for a bitcoind's mempool: `block HEX`, `tx VERDICT HEX`, `package VERDICT HEX HEX`.
    var generator = PolicyGenerator(seed: seed)
    for line in generator.prepare() { print(line) }
    for _ in 0..<cases { for line in generator.next() { print(line) } }
    exit(0)
}
var generator = BlockGenerator(seed: seed)
for line in generator.prepare() { print(line) }
for _ in 0..<cases { for line in generator.next() { print(line) } }
