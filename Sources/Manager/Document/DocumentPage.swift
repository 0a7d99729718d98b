import HTTPTypes

/// The interface as pages for people, made from the routes. They need nothing from the network.
enum DocumentPage {
    static let html = Array(page("Minion manager: the interface", body()).utf8)

    static let welcome = Array(
        page(
            "Minion manager",
            """
            <p>This is a manager of Minion. <a href="/docs">What can be asked of it</a>, also
            <a href="/openapi.json">as an OpenAPI document</a>.</p>
            """
        ).utf8)

    private static func page(_ title: String, _ body: String) -> String {
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>\(title)</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>
        :root { color-scheme: light dark }
        body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
        code, pre { font-family: ui-monospace, monospace; font-size: 0.92em }
        summary { cursor: pointer; padding: 0.25rem 0 }
        summary b { display: inline-block; min-width: 4rem }
        table { border-collapse: collapse; margin: 0.5rem 0 1rem 1rem }
        th, td { border-bottom: 1px solid #8884; padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top }
        .note { margin-left: 1rem }
        </style></head><body><h1>\(title)</h1>
        \(body)
        </body></html>

        """
    }

    private static func body() -> String {
        var out = """
            <p>The same <a href="/openapi.json">as an OpenAPI document</a>. Sign in for a session, or use a personal access
            token below <code>/oapi</code>:</p>
            <pre>curl -c jar -d '{"name":"root","password":"…"}' HOST/api/v1/users/signin
            curl -b jar HOST/api/v1/clusters
            curl -H 'Authorization: Bearer mnn_…' HOST/oapi/v1/jobs</pre>
            """
        var group = ""
        for route in Routes.all {
            let name = route.path.split(separator: "/").prefix(3).joined(separator: "/")
            if name != group {
                group = name
                out += "<h2><code>/\(escaped(name))</code></h2>\n"
            }
            out += entry(route)
        }
        return out
    }

    private static func entry(_ route: Route) -> String {
        var out = """
            <details><summary><b>\(route.method.rawValue)</b> <code>\(escaped(route.path))</code> — \
            \(escaped(route.summary))</summary>
            <p class="note">\(escaped(access(route.access)))</p>

            """
        if let query = route.query { out += table("Query", query) }
        if let body = route.body { out += table("Body", body) }
        if case .json(let shape) = route.answer, let object = object(in: shape) { out += table("Answer", object) }
        if !route.others.isEmpty {
            let rows = route.others.sorted { $0.key < $1.key }.map {
                "<tr><td>\($0.key)</td><td>\(escaped($0.value))</td></tr>"
            }
            out += "<table>\(rows.joined())</table>\n"
        }
        return out + "</details>\n"
    }

    private static func access(_ rule: AccessRule) -> String {
        switch rule {
        case .open: "For anybody."
        case .user(let object, let action):
            "For who has signed in and may \(action == "read" ? "read" : "change") \(object.rawValue)."
        case .token(let scope): "For a personal access token with the scope \(scope.rawValue)."
        }
    }

    private static func object(in shape: Shape) -> ObjectShape? {
        switch shape {
        case .object(let object): object
        case .array(let element, _, _): object(in: element)
        default: nil
        }
    }

    private static func table(_ title: String, _ shape: ObjectShape) -> String {
        guard !shape.fields.isEmpty else { return "" }
        let rows = shape.fields.map { field in
            """
            <tr><td><code>\(escaped(field.key))</code></td><td>\(escaped(describe(field.shape)))\
            \(field.isRequired && title != "Answer" ? ", required" : "")</td><td>\(escaped(field.summary))</td></tr>
            """
        }
        return "<table><tr><th>\(title)</th><th></th><th></th></tr>\n\(rows.joined(separator: "\n"))</table>\n"
    }

    private static func describe(_ shape: Shape) -> String {
        switch shape {
        case .text(let rule):
            if !rule.choices.isEmpty { return rule.choices.joined(separator: " | ") }
            let name = rule.format.map { "\($0)" } ?? "text"
            return rule.maximum == .max ? name : "\(name), up to \(rule.maximum) characters"
        case .integer(let rule):
            return rule.range.upperBound == .max
                ? "number" : "number, \(rule.range.lowerBound)–\(rule.range.upperBound)"
        case .boolean: return "true or false"
        case .timestamp: return "time"
        case .array(let element, _, _): return "list of \(describe(element))"
        case .object(let object):
            return object.fields.isEmpty ? "object" : "{ \(object.fields.map(\.key).joined(separator: ", ")) }"
        case .map: return "object"
        case .any: return "object"
        case .anything: return "anything"
        }
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for character in text {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(character)
            }
        }
        return out
    }
}
