/// The table of calls as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12.
package enum OpenAPI {
    package static let document = document(of: CallTable.all)

    /// The same of some of the calls.
    package static func document(of calls: [Call]) -> JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "swift-lightning", "version": "1",
                "description": """
                A Lightning node. Amounts are integers with their unit in the name; times are RFC 3339 in UTC; ids are hex. A call is refused \
                where a field is not known, missing or of another kind, and `error.data.field` names it.
                """,
            ],
            "servers": [["url": "/"]], "security": [["token": []]],
            "tags": .array(CallGroup.allCases.map { ["name": .string($0.rawValue), "description": .string($0.title)] }),
            "paths": .object(Dictionary(calls.map { ("/v1/\($0.name)", path($0)) }, uniquingKeysWith: { first, _ in first })),
            "components": [
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer",
                        "description": "A token: lnw token create. Also as the password of basic authentication.",
                    ]
                ],
                "schemas": .object(schemas(of: calls)),
            ],
        ]
    }

    private static func path(_ call: Call) -> JSONValue {
        func operation(_ more: [String: JSONValue]) -> JSONValue {
            var fields: [String: JSONValue] = [
                "operationId": .string(call.name), "tags": [.string(call.group.rawValue)], "summary": .string(call.summary),
                "description": .string(
                    (call.details.isEmpty ? "" : call.details + "\n\n")
                        + (call.permission.map { "Permission: `\($0.rawValue)`." } ?? "Any token is enough.")),
                "x-permission": call.permission.map { .string($0.rawValue) } ?? .null, "responses": responses(call),
            ]
            for (name, value) in more { fields[name] = value }
            return .object(fields)
        }
        var methods: [String: JSONValue] = [
            "post": operation([
                "requestBody": [
                    "required": .bool(call.request.contains { $0.presence == .always }),
                    "content": ["application/json": ["schema": schema(call.requestShape), "example": call.example]],
                ]
            ])
        ]
        if call.canBeGot {
            methods["get"] = operation([
                "operationId": .string("get_" + call.name),
                "parameters": .array(
                    call.request.map { field in
                        [
                            "name": .string(field.name), "in": "query", "required": .bool(field.presence == .always),
                            "description": .string(field.meaning), "schema": schema(field.shape),
                        ]
                    }),
            ])
        }
        return .object(methods)
    }

    private static func responses(_ call: Call) -> JSONValue {
        // Who names something may name what is not there.
        let naming: [CallFailure.Kind] = call.failures.contains(.refused) && !call.request.isEmpty ? [.notFound] : []
        let kinds: [CallFailure.Kind] = [.usage, .forbidden, .unreachable, .internal, .corrupt] + naming + call.failures
        let texts =
            kinds.map { ($0.httpStatus, "\($0.code): \($0.meaning)") }
            + RequestFailure.allCases.map { ($0.httpStatus, "\($0.code): \($0.meaning)") }
        // Several with one status are told one after the other.
        let byStatus = Dictionary(texts.map { ("\($0)", $1) }) { "\($0); or \($1)" }
        var all = byStatus.mapValues { failure($0) }
        all["200"] = [
            "description": "The answer.",
            "content": ["application/json": ["schema": schema(call.response), "example": call.response.sample]],
        ]
        return .object(all)
    }

    private static func failure(_ description: String) -> JSONValue {
        ["description": .string(description), "content": ["application/json": ["schema": ["$ref": "#/components/schemas/Error"]]]]
    }

    // MARK: Schemas

    /// Those that have a name.
    private static func schemas(of calls: [Call]) -> [String: JSONValue] {
        var found: [String: JSONValue] = [
            "Error": [
                "type": "object", "description": "Why a call did not do what it should.", "required": ["error"],
                "properties": [
                    "error": [
                        "type": "object", "required": ["code", "message"],
                        "properties": [
                            "code": ["type": "string", "description": "By which programs know it: it does not change."],
                            "message": ["type": "string", "description": "For people."],
                            "data": ["description": "What programs want to know beside it."],
                        ],
                    ]
                ],
            ]
        ]
        func collect(_ shape: Shape) {
            switch shape.kind {
            case .list(let element), .map(let element): collect(element)
            case .either(let shapes): shapes.forEach(collect)
            case .object(let name, let fields):
                if let name, found[name] == nil {
                    found[name] = .null
                    found[name] = object(fields, shape.meaning)
                }
                for field in fields { collect(field.shape) }
            case .flag, .integer, .text, .choice, .done, .null: break
            }
        }
        for call in calls {
            collect(call.requestShape)
            collect(call.response)
        }
        return found
    }

    private static func object(_ fields: [Field], _ meaning: String) -> JSONValue {
        var value: [String: JSONValue] = [
            "type": "object", "additionalProperties": false,
            "properties": .object(Dictionary(fields.map { ($0.name, property($0)) }, uniquingKeysWith: { first, _ in first })),
            "required": .array(fields.filter { $0.presence != .optional }.map { .string($0.name) }),
        ]
        if !meaning.isEmpty { value["description"] = .string(meaning) }
        return .object(value)
    }

    private static func property(_ field: Field) -> JSONValue {
        let inner = schema(field.shape)
        var value: [String: JSONValue]
        if field.presence == .nullable {
            value = ["anyOf": [inner, ["type": "null"]]]
        } else if case .object(let fields) = inner, fields["$ref"] == nil {
            value = fields
        } else {
            value = ["allOf": [inner]]
        }
        value["description"] = .string(field.meaning + (field.shape.meaning.isEmpty ? "" : " (\(field.shape.meaning))"))
        return .object(value)
    }

    /// JSON Schema of a shape; of one with a name a reference.
    package static func schema(_ shape: Shape) -> JSONValue {
        var value: [String: JSONValue]
        switch shape.kind {
        case .flag: value = ["type": "boolean"]
        case .done: value = ["const": true]
        case .null: value = ["type": "null"]
        case .integer(let range):
            value = ["type": "integer", "minimum": .integer(range.lowerBound)]
            if range.upperBound != .max { value["maximum"] = .integer(range.upperBound) }
        case .text(let form):
            value = ["type": "string"]
            if let pattern = form.pattern { value["pattern"] = .string(pattern) }
            if form == .time { value["format"] = "date-time" }
        case .choice(let words): value = ["type": "string", "enum": .array(words.map { .string($0) })]
        case .list(let element): return ["type": "array", "items": schema(element)]
        case .map(let element): return ["type": "object", "additionalProperties": schema(element)]
        case .either(let shapes): value = ["anyOf": .array(shapes.map(schema))]
        case .object(let name?, _): return ["$ref": .string("#/components/schemas/\(name)")]
        case .object(nil, let fields): return object(fields, shape.meaning)
        }
        if !shape.meaning.isEmpty { value["description"] = .string(shape.meaning) }
        return .object(value)
    }
}
