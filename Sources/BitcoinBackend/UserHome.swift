package import Foundation

/// The user's home directory: `$HOME`, as everything else on Unix has it. Foundation asks the user database instead.
package enum UserHome {
    package static var url: URL {
        if let path = ProcessInfo.processInfo.environment["HOME"], path.hasPrefix("/") {
            return URL(filePath: path, directoryHint: .isDirectory)
        }
        return FileManager.default.homeDirectoryForCurrentUser
    }
}
