import HTTPTypes
import Hummingbird
import LightningAPI
import LightningRuntime

// What everybody may know, and what monitoring asks for.
extension HTTPRoutes {
    func addStatus(to router: Router<HTTPContext>) {
        // Nothing of the wallet: a load balancer asks without a token.
        router.get("health") { _, context in
            await answer(context) {
                try admit(context)
                let isWell = (try? await api.handle("ping", [:])) != nil && !api.feed.hasEnded
                return Self.json(["status": isWell ? "ok" : "stopping"], status: isWell ? .ok : .serviceUnavailable)
            }
        }
        router.get("openapi.json") { _, context in
            await answer(context) {
                try admit(context)
                return Self.json(OpenAPI.document)
            }
        }
        router.get("metrics") { request, context in
            await answer(context) {
                let caller = try authorized(request, context)
                return Self.text(try await metrics(caller), type: "text/plain; version=0.0.4; charset=utf-8")
            }
        }
        router.get("qr.svg") { request, context in
            await answer(context) {
                _ = try token(request, context)
                let text = request.uri.queryParameters["text"].map(String.init) ?? ""
                guard !text.isEmpty, text.utf8.count <= 2500, let code = QRCode(text) else {
                    throw CallFailure(.usage, "text is what the code says: up to 2,500 bytes")
                }
                return Self.text(code.svg, type: "image/svg+xml")
            }
        }
    }
}
