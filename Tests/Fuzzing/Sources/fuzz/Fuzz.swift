import Foundation
import LightningFuzzing

/// libFuzzer's loop, with its command line.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ testOneInput: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Gives the entry point of FUZZ_ENTRY whatever libFuzzer thinks of. A trap, or what is not read again as it was, ends the process, and libFuzzer
/// keeps the input.
@main
enum Fuzz {
    private static let entry: EntryPoint = {
        let name = ProcessInfo.processInfo.environment["FUZZ_ENTRY"] ?? ""
        guard let entry = EntryPoint(rawValue: name) else {
            fatalError("FUZZ_ENTRY is one of \(EntryPoint.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return entry
    }()

    private static let corpus = Result { try Corpus() }

    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(runDriver(&count, &arguments, testOneInput))
    }

    static func take(_ bytes: [UInt8]) {
        do { try corpus.get().run(entry, bytes) } catch { fatalError("\(entry.rawValue): \(error)") }
    }
}

/// The name by which libFuzzer knows it.
@_cdecl("LLVMFuzzerTestOneInput")
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzz.take(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
