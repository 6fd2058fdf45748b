import ArgumentParser

/// `lnw sim`.
struct SimCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim", abstract: "Networks in one process, in virtual time: studies, random histories, crashes.",
        discussion: """
            The same seed gives the same events on any machine.

              lnw sim example > my.toml                  a scenario to change
              lnw sim run my.toml --report my.html       run it, and look at it in a browser
              lnw sim replay my.toml --until 4min        how everything stands then
              lnw sim swarm --seeds 1000                 random histories with faults, checked to the millisatoshi
              lnw sim crash-sweep                        a node dies before and after each commit
            """,
        subcommands: [SimRun.self, SimReplay.self, SimDiff.self, SimExample.self, SimSwarm.self, SimCrashSweep.self, SimRouting.self])
}

/// `lnw sim example`.
struct SimExample: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "example", abstract: "Prints a scenario that shows most of what a scenario can say.")

    func run() throws { Terminal.out(Self.text, newline: false) }

    /// A scenario that runs in a few seconds.
    static let text = """
        # Six people for ten minutes. Run it:  lnw sim run my.toml --report my.html
        name = "a neighbourhood"
        seed = 7
        duration = "10min"
        fidelity = "protocol"        # whole nodes; "flow" is for large networks
        latency = "10ms..50ms"       # of each message

        [network]                    # or [[channel]] with from, to, capacity
        shape = "ring"               # line, ring, star, random
        names = ["alice", "bob", "carol", "dave", "erin", "frank"]
        capacity = "1000000sat"
        balance = 0.5                # the opener's share
        base_fee = "100msat"
        fee_ppm = 100

        [[channel]]                  # a short cut, for a higher fee
        from = "alice"
        to = "dave"
        capacity = "500000sat"
        base_fee = "1sat"
        fee_ppm = 500

        [[payments]]                 # of invoices, between any two
        from = "*"
        to = "*"
        every = "2s"                 # on average
        amount = "1sat..50000sat"    # each order of magnitude is as likely

        [[stream]]                   # alice pays as she listens
        from = "alice"
        to = ["dave:90", "carol:10"]
        rate = "10sat/s"
        max_fee = "2%"

        [[away]]
        node = "bob"
        at = "4min"
        for = "1min"

        [layer1]
        block_interval = "2min"

        """
}
