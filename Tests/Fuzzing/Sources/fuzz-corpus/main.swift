import Foundation
import LightningFuzzing

// Writes the good inputs that fuzzing begins with: a folder for each entry point.
guard CommandLine.arguments.count == 2 else {
    print("usage: fuzz-corpus <folder>")
    exit(2)
}
let folder = URL(filePath: CommandLine.arguments[1])
for (entry, inputs) in try Corpus().inputs {
    let place = folder.appending(path: entry.rawValue)
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    for (number, input) in inputs.enumerated() { try Data(input).write(to: place.appending(path: "\(number)")) }
    print("\(place.path): \(inputs.count)")
}
