import ArgumentParser
import Foundation
import LightningAPI
import Testing

@testable import lnw

@Suite("lists")
struct ListTests {
    private static let records: [JSONValue] = [
        ["status": "succeeded", "amount_msat": 1_234_000, "payment_hash": "aabbccddeeff00112233", "destination_alias": "bob"],
        [
            "status": "failed", "amount_msat": 5, "payment_hash": "00112233445566778899", "destination_alias": "=cmd(), \"x\"",
            "failure": "no route",
        ],
    ]
    private let columns = [
        ListColumn("amount", isNumber: true) { Format.msat($0["amount_msat"].u64) }, ListColumn("status") { $0["status"].string },
        ListColumn("to", rank: 1) { $0["destination_alias"].string }, ListColumn("why", rank: 2) { $0["failure"].string },
    ]

    @Test("a table has a heading, is as wide as its values, and leaves columns out where it does not fit")
    func table() {
        #expect(
            ListColumn.table(Self.records, columns, width: 200) == [
                "   amount  status     to           why", "1,234 sat  succeeded  bob", "0.005 sat  failed     =cmd(), \"x\"  no route",
            ])
        #expect(ListColumn.table(Self.records, columns, width: 40)[0] == "   amount  status     to")
        #expect(ListColumn.table(Self.records, columns, width: 30)[0] == "   amount  status")
        // What has to be there is there, and no value is cut.
        #expect(ListColumn.table(Self.records, columns, width: 5)[1] == "1,234 sat  succeeded")
    }

    @Test("CSV has every simple field of the table of calls, and nothing that a spreadsheet takes for a formula")
    func csv() throws {
        let lines = CSVText.text(Self.records, of: "listpayments", "payments").split(separator: "\n")
        let names = lines[0].split(separator: ",")
        #expect(names.prefix(3) == ["payment_hash", "destination", "destination_alias"] && names.contains("failure") && lines.count == 3)
        #expect(lines[2].contains(",\"'=cmd(), \"\"x\"\"\",") && lines[1].hasPrefix("aabbccddeeff00112233,,bob,"))
        for (call, list) in [("listinvoices", "invoices"), ("listforwards", "forwards"), ("listtransactions", "transactions")] {
            #expect(try CallTable.call(call).names(of: list).count > 5, "\(call)")
        }
    }

    @Test("what a stranger wrote begins no row and no formula", arguments: ["a\r\n=1", "=\u{301}1", "a\"\u{301},b", "\u{1b}[2J"])
    func strangers(_ text: String) {
        let lines = CSVText.text([["destination_alias": .string(text), "failure": "x"]], of: "listpayments", "payments")
        #expect(
            lines.unicodeScalars.count { $0 == "\n" } == 1 && !lines.unicodeScalars.contains("\r")
                && !lines.unicodeScalars.contains("\u{1b}"))
        #expect(!lines.unicodeScalars.split(separator: ",").contains { $0.first == "=" })
        #expect(lines.unicodeScalars.count { $0 == "\"" }.isMultiple(of: 2))
    }

    @Test("moments in the past", arguments: [("2026-11-01", "2026-11-01T00:00:00Z"), ("2026-11-01T12:30:00Z", "2026-11-01T12:30:00Z")])
    func since(_ text: String, _ moment: String) throws { #expect(try SinceArgument.parse(text) == moment) }

    @Test("what is no moment", arguments: ["", "yesterday", "2026-13-01", "1", "-2h"])
    func noMoment(_ text: String) { #expect(throws: (any Error).self) { _ = try SinceArgument.parse(text) } }

    @Test(
        "how long an invoice lives", arguments: [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3600), ("7d", 604_800)] as [(String, Int64)])
    func lifetime(_ text: String, _ seconds: Int64) throws {
        #expect(try InvoiceCommand.parse(["5sat", "--expiry", text]).lifetime.seconds == seconds)
        #expect(throws: (any Error).self) { _ = try InvoiceCommand.parse(["5sat", "--expiry", text + "x"]) }
    }
}
