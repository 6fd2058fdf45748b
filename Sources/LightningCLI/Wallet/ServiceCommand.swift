import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime

struct ServiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "service", abstract: "A file with which systemd or launchd keeps the wallet's node running.",
        discussion: """
            What the node is started with stands in the wallet's lnw.toml: lnw help config.

              lnw -w alice service systemd > ~/.config/systemd/user/lnw-alice.service
              systemctl --user enable --now lnw-alice
              loginctl enable-linger                  so that it runs while nobody is logged in

              lnw -w alice service launchd > ~/Library/LaunchAgents/lnw.alice.plist
              launchctl load ~/Library/LaunchAgents/lnw.alice.plist
            """)
    enum Manager: String, ExpressibleByArgument, CaseIterable { case systemd, launchd }

    @OptionGroup var options: CommonOptions
    @Argument(help: "systemd or launchd") var manager: Manager

    func run() async throws {
        let program = Bundle.main.executablePath ?? "/usr/local/bin/lnw"
        let arguments = ["start", "-w", options.walletName, "--network", try options.chosenNetwork.rawValue]
        _ = try options.directory
        switch manager {
        case .systemd:
            // systemd takes % for its own, and a backslash or a quotation mark for a beginning.
            func quoted(_ text: String) -> String {
                "\""
                    + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%").replacing("$", with: "$$")
                    + "\""
            }
            Terminal.out(
                """
                [Unit]
                Description=Lightning node of wallet \(options.walletName)

                [Service]
                ExecStart=\(([program] + arguments).map(quoted).joined(separator: " "))
                Environment=\(quoted("LNW_HOME=\(Home.url.path)"))
                # What a node was told to do is stored before it says so: it can be ended at any time. 6 is a database that cannot be used.
                Restart=on-failure
                RestartSec=5
                RestartPreventExitStatus=2 4 6
                TimeoutStopSec=30
                NoNewPrivileges=true
                PrivateTmp=true
                UMask=0077

                [Install]
                WantedBy=default.target
                """)
        case .launchd:
            func escaped(_ text: String) -> String {
                text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            }
            let words = ([program] + arguments).map { "        <string>\(escaped($0))</string>" }.joined(separator: "\n")
            Terminal.out(
                """
                <?xml version="1.0" encoding="UTF-8"?>
                <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
                <plist version="1.0">
                <dict>
                    <key>Label</key><string>lnw.\(escaped(options.walletName))</string>
                    <key>ProgramArguments</key>
                    <array>
                \(words)
                    </array>
                    <key>EnvironmentVariables</key>
                    <dict><key>LNW_HOME</key><string>\(escaped(Home.url.path))</string></dict>
                    <key>RunAtLoad</key><true/>
                    <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
                    <key>ThrottleInterval</key><integer>60</integer>
                    <key>Umask</key><integer>63</integer>
                </dict>
                </plist>
                """)
        }
    }
}
