import Foundation
import LightningAPI
import LightningRuntime

/// A file into which a caller wants something written.
enum OutputFile {
    /// Before the work that it is for: whether it can be written.
    static func check(_ path: String) throws(CallFailure) {
        let folder = URL(filePath: path).deletingLastPathComponent().path
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard FileManager.default.isWritableFile(atPath: exists ? path : folder), !(exists && isFolder.boolValue) else {
            throw CallFailure(.refused, "\(path) cannot be written: is there such a folder?")
        }
    }

    /// Writes all of it, or leaves what was there.
    static func write(_ text: String, to path: String) throws(CallFailure) {
        // A link's target, and a device as the device that it is: only a file is replaced by another one.
        let url = URL(filePath: path).resolvingSymlinksInPath()
        let kind = (try? FileManager.default.attributesOfItem(atPath: url.path))?[.type] as? FileAttributeType
        do {
            if kind == nil || kind == .typeRegular {
                try text.write(to: url, atomically: true, encoding: .utf8)
            } else {
                let file = try FileHandle(forWritingTo: url)
                try file.write(contentsOf: Data(text.utf8))
                try file.close()
            }
        } catch {
            throw CallFailure(.refused, "\(path) cannot be written: is there such a folder, and room on the disk?")
        }
    }
}
