import HTTPTypes
import ManagerStore

extension Routes {
    /// What the manager says of itself.
    static let service: [Route] = [
        Route(.get, "/healthy", .open, "Whether the manager runs", answer: .json(.oneOf("OK"))) { _ in
            .json { $0.string("OK") }
        },
        Route(
            .get, "/healthz", .open, "Whether the manager can serve",
            answer: .json(
                .object(ObjectShape("Health", [FieldRule(key: "status", shape: .oneOf("ok"), isRequired: true)])))
        ) { call in
            try await call.manager.store.ping()
            return .json { $0.object(["status": "ok"]) }
        },
        Route(.get, "/openapi.json", .open, "This document", answer: .json(.map(of: .anything, atMost: .max))) { _ in
            Reply(status: .ok, type: Reply.jsonType, bytes: OpenAPI.document)
        },
        Route(.get, "/docs", .open, "The same for people", answer: .other(type: "text/html")) { _ in
            page(DocumentPage.html)
        },
        Route(.get, "/swagger/:page", .open, "Where Dragonfly's manager has its document", answer: .redirect) { call in
            .redirect(.found, to: call.texts["page"] == "doc.json" ? "/openapi.json" : "/docs")
        },
        Route(.get, "/", .open, "Where to go from here", answer: .other(type: "text/html")) { _ in
            page(DocumentPage.welcome)
        },
    ]

    private static func page(_ bytes: [UInt8]) -> Reply {
        var reply = Reply(status: .ok, type: "text/html; charset=utf-8", bytes: bytes)
        reply.headers[.contentSecurityPolicy] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        return reply
    }
}
