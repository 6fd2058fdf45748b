import HTTPTypes
import Hummingbird

// The page on which an owner looks at the node: files of this program, nothing of another host.
extension HTTPRoutes {
    func addDashboard(to router: Router<HTTPContext>) {
        for (path, file, type) in [
            ("", PackageResources.dashboard_html, "text/html; charset=utf-8"),
            ("dashboard.css", PackageResources.dashboard_css, "text/css"),
            ("dashboard.js", PackageResources.dashboard_js, "text/javascript"),
        ] {
            let text = String(decoding: file, as: UTF8.self)
            router.get(RouterPath(path)) { _, context in
                await answer(context) {
                    try admit(context)
                    // Whatever a stranger has written into an alias or a description cannot become a program on this page.
                    return Self.text(
                        text, type: type,
                        headers: [
                            .contentSecurityPolicy:
                                "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                            .init("Referrer-Policy")!: "no-referrer",
                        ])
                }
            }
        }
    }
}
