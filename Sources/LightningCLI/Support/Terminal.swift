import Foundation
import LightningAPI
import LightningRuntime
import Synchronization

/// What is known of where the output goes.
enum Terminal {
    static let isOutput = isatty(STDOUT_FILENO) == 1
    /// Columns of a line: the terminal's, 40 to 200; 100 elsewhere.
    static var width: Int {
        var size = winsize()
        guard isOutput, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
        return min(200, max(40, Int(size.ws_col)))
    }

    static let isInput = isatty(STDIN_FILENO) == 1

    static func error(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8)) }

    static func out(_ text: String, newline: Bool = true) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data((text + (newline ? "\n" : "")).utf8))
        } catch {
            // Whoever read us has read enough: `lnw listpayments | head -1`. Anything else is a loss.
            let code = (error as NSError).userInfo[NSUnderlyingErrorKey].map { ($0 as? NSError)?.code ?? 0 } ?? (error as NSError).code
            if code == Int(EPIPE) { exit(0) }
            Self.error("lnw: the output cannot be written: is the disk full?")
            exit(1)
        }
    }

    /// Asks before something that cannot be undone; without a terminal only `--yes` agrees.
    static func confirm(_ question: String, yes: Bool) throws {
        if yes { return }
        guard isInput else { throw CallFailure(.usage, "\(question)\nSay --yes to do it without being asked") }
        out("\(question) [y/N] ", newline: false)
        guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" else {
            throw CallFailure(.refused, "nothing was done")
        }
    }

    /// Asks for a passphrase without showing it.
    static func readPassphrase(_ prompt: String) -> String? {
        guard isInput else { return nil }
        var before = termios()
        tcgetattr(STDIN_FILENO, &before)
        var hidden = before
        hidden.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            error("")
        }
        try? FileHandle.standardError.write(contentsOf: Data(prompt.utf8))
        return readLine()
    }
}

/// Progress of long work: a bar on a terminal, a line every few seconds elsewhere.
struct ProgressBar {
    let total: Int
    let isQuiet: Bool
    private let start = Date()
    private var lastDrawn = Date.distantPast

    init(total: Int, isQuiet: Bool) {
        self.total = total
        self.isQuiet = isQuiet
    }

    mutating func update(_ done: Int, label: String) {
        guard !isQuiet else { return }
        let now = Date()
        let isLast = done == total
        guard isLast || now.timeIntervalSince(lastDrawn) > (Terminal.isOutput ? 0.05 : 3) else { return }
        lastDrawn = now
        let seconds = max(now.timeIntervalSince(start), 0.001)
        let rate = Int(Double(done) / seconds)
        let counts = "\(Format.thousands(UInt64(done)))/\(Format.thousands(UInt64(total)))   \(Format.thousands(UInt64(rate)))/s"
        if Terminal.isOutput {
            let filled = total == 0 ? 24 : done * 24 / total
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
            Terminal.out("\r\(label)\(bar) \(counts)   ", newline: isLast)
        } else {
            Terminal.out("\(label)\(counts)")
        }
    }
}

/// Ctrl-C, or a terminal that is closed, so that long work can say where things stand before it ends.
struct Interrupt: Sendable {
    /// How many came in this process. A handler may touch it at any moment: nothing is locked, and it exists before the first one is set.
    private static let count = Atomic<Int>(0)
    private let before: Int

    /// From here on a signal does not end the program; not one is lost, however soon it comes.
    ///
    /// - Parameter secondEnds: whether the same signal once more ends the program.
    init(_ signals: [Int32] = [SIGINT], secondEnds: Bool = false) {
        before = Self.count.load(ordering: .relaxed)
        for number in signals {
            if secondEnds {
                signal(number) { number in
                    Interrupt.count.add(1, ordering: .relaxed)
                    signal(number, SIG_DFL)
                }
            } else {
                signal(number) { _ in Interrupt.count.add(1, ordering: .relaxed) }
            }
        }
    }

    var happened: Bool { Self.count.load(ordering: .relaxed) > before }
}

/// Words as a shell takes them.
enum ShellWord {
    static func quoted(_ word: String) -> String {
        let isPlain = !word.isEmpty && word.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./=".contains($0)) }
        return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
    }
}
