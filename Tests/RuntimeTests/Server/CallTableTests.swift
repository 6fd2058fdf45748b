import Foundation
import LightningAPI
import LightningServer
import TestSupport
import Testing

@Suite("the table of calls")
struct CallTableTests {
    @Test("every call has an example that fits it, every answer a sample that does, every name one meaning and every field a text")
    func complete() {
        #expect(Set(CallTable.all.map(\.name)).count == CallTable.all.count && CallTable.all.count > 60)
        for call in CallTable.all {
            #expect(throws: Never.self, "\(call.name)") { _ = try call.checked(call.example) }
            #expect(throws: Never.self, "\(call.name)") { try call.response.check(call.response.sample) }
            #expect(call.summary.hasSuffix("."), "\(call.name)")
            for field in call.request {
                #expect(field.meaning.hasSuffix("."), "\(call.name) \(field.name)")
                #expect(throws: Never.self, "\(call.name) \(field.name)") { try field.shape.check(field.shape.sample) }
            }
            // What has to be there is in the example: a reader copies it.
            let needed = call.request.filter { $0.presence == .always }.map(\.name)
            #expect(needed.allSatisfy { call.example[$0] != .null }, "\(call.name)")
        }
    }

    @Test("a request with a field that nobody knows, of another kind, or missing is refused, and the field is named")
    func refused() throws {
        let pay = try CallTable.call("pay")
        func failure(_ call: Call, _ request: JSONValue) -> CallFailure? {
            do throws(CallFailure) {
                _ = try call.checked(request)
                return nil
            } catch { return error }
        }
        let unknown = try #require(failure(pay, ["bolt11": "lnbc1", "amount_mast": 5]))
        #expect(unknown.kind == .usage && unknown.message == "pay: amount_mast is not known: amount_msat is")
        #expect(unknown.data == ["call": "pay", "field": "amount_mast"])
        #expect(failure(pay, [:])?.message == "pay: bolt11 is missing: it is an invoice: BOLT 11")
        #expect(failure(pay, ["bolt11": 5])?.data?["field"] == "bolt11")
        #expect(failure(pay, ["bolt11": nil])?.data?["field"] == "bolt11")
        #expect(failure(pay, [])?.message == "pay: an object is expected")
        #expect(failure(pay, ["bolt11": "lnbc1", "amount_msat": .number(0.5)])?.data?["field"] == "amount_msat")
        #expect(failure(pay, ["bolt11": "lnbc1", "amount_msat": nil]) == nil)
        let stream = try CallTable.call("startstream")
        let inner = failure(stream, ["recipients": [["id": "02"], ["id": "03", "weight": 0]], "rate_msat": 5])
        #expect(inner?.message == "startstream: recipients[1].weight is a whole number: 1 to 4294967295")
        let send = try CallTable.call("send")
        #expect(failure(send, ["address": "bcrt1", "amount_sat": "all"]) == nil)
        #expect(failure(send, ["address": "bcrt1", "amount_sat": "any"])?.data?["field"] == "amount_sat")
        // Texts that have a form.
        let settle = try CallTable.call("settle")
        #expect(failure(settle, ["payment_preimage": "00"])?.kind == .usage)
        #expect(failure(settle, ["payment_preimage": .string(String(repeating: "0g", count: 32))])?.kind == .usage)
        #expect(throws: CallFailure(.usage, "there is no call \"pya\". There is pay")) { _ = try CallTable.call("pya") }
    }

    @Test(
        "texts of a form",
        arguments: [
            (TextForm.time, "2026-11-27T12:00:00Z", "2026-11-27 12:00:00"), (.shortChannelID, "1x2x3", "1x2"),
            (.outPoint, String(repeating: "0", count: 64) + ":1", "00:1"),
            (.hex(bytes: nil), "", "0"), (.hex(bytes: 2), "00ff", "00FF"),
            (.nodeAddress, "02" + String(repeating: "0", count: 64) + "@[::1]:9735", "02@a:1"),
        ])
    func forms(_ form: TextForm, _ right: String, _ wrong: String) {
        #expect(form.matches(right) && !form.matches(wrong) && form.pattern != nil)
    }

    /// LIGHTNING_WRITE_RECORDS=1 writes it anew.
    @Test("the reference is what the table says")
    func reference() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../Sources/Lightning/Lightning.docc/Calls.md")
        if ProcessInfo.processInfo.environment["LIGHTNING_WRITE_RECORDS"] == "1" {
            try Reference.article.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == Reference.article)
    }

    @Test("the OpenAPI document refers to nothing that it has not, and its examples fit")
    func document() throws {
        var references: Set<String> = []
        func walk(_ value: JSONValue) {
            switch value {
            case .object(let fields):
                if let reference = fields["$ref"]?.text { references.insert(reference) }
                fields.values.forEach(walk)
            case .array(let values): values.forEach(walk)
            default: break
            }
        }
        walk(OpenAPI.document)
        guard case .object(let schemas) = OpenAPI.document["components"]["schemas"] else { throw CallFailure(.internal, "no schemas") }
        #expect(references == Set(schemas.keys.map { "#/components/schemas/\($0)" }))
        #expect(!schemas.values.contains(.null))
        guard case .object(let paths) = OpenAPI.document["paths"] else { throw CallFailure(.internal, "no paths") }
        #expect(Set(paths.keys) == Set(CallTable.all.map { "/v1/\($0.name)" }))
    }

    @Test("every call of the table is carried out by the node, and by nobody else's name")
    func handled() async throws {
        let world = try await NodeTests.World()
        let api = ControlAPI(node: world.alice, onStop: nil)
        for call in CallTable.all where !["backupdatabase", "events", "waitinvoice"].contains(call.name) {
            do { _ = try await api.handle(call.name, call.example) } catch let failure as CallFailure {
                #expect(!failure.message.hasPrefix("there is no call") && failure.kind != .internal, "\(call.name): \(failure)")
            }
        }
        // A reader copies it: it has to be one.
        #expect(try await api.handle("decode", CallTable.call("decode").example)["type"] == "invoice")
        await world.stop()
    }
}
