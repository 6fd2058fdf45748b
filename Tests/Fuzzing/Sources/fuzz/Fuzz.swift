import Foundation
import LightningFuzzing

/// Which entry point is fuzzed: FUZZ_ENTRY.
private let entry: EntryPoint = {
    let name = ProcessInfo.processInfo.environment["FUZZ_ENTRY"] ?? ""
    guard let entry = EntryPoint(rawValue: name) else {
        fatalError("FUZZ_ENTRY is one of \(EntryPoint.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return entry
}()

private let corpus = Result { try Corpus() }

/// What libFuzzer calls with each input. A trap, or what is not read again as it was, ends the process, and libFuzzer keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    do { try corpus.get().run(entry, bytes) } catch { fatalError("\(entry.rawValue): \(error)") }
    return 0
}
