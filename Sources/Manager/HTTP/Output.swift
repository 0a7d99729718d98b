import ManagerStore

/// How a kind of object is written in answers: its shape, for the document, and its members, for the answer.
package struct Output<Model: Sendable>: Sendable {
    package struct Member: Sendable {
        let rule: FieldRule
        let write: @Sendable (Model, inout JSONWriter) -> Void

        init(
            _ key: String, _ shape: Shape, isNullable: Bool = false, _ summary: String = "",
            write: @escaping @Sendable (Model, inout JSONWriter) -> Void
        ) {
            rule = FieldRule(key: key, shape: shape, isRequired: true, isNullable: isNullable, summary: summary)
            self.write = write
        }
    }

    package let shape: ObjectShape
    private let members: [Member]

    init(_ name: String, _ members: [Member]) {
        shape = ObjectShape(name, members.map(\.rule))
        self.members = members
    }

    package func write(_ model: Model, to writer: inout JSONWriter) {
        writer.object { writer in
            for member in members {
                writer.key(member.rule.key)
                member.write(model, &writer)
            }
        }
    }

    /// The same members for a model that has this one inside.
    func members<Outer>(of get: @escaping @Sendable (Outer) -> Model) -> [Output<Outer>.Member] {
        members.map { member in
            Output<Outer>.Member(
                member.rule.key, member.rule.shape, isNullable: member.rule.isNullable, member.rule.summary
            ) { member.write(get($0), &$1) }
        }
    }
}

extension Output.Member {
    static func text(_ key: String, _ summary: String = "", _ get: @escaping @Sendable (Model) -> String) -> Self {
        Self(key, .text(max: .max), summary) { $1.string(get($0)) }
    }

    static func choice(
        _ key: String, _ choices: [String], _ get: @escaping @Sendable (Model) -> String
    ) -> Self {
        Self(key, .text(TextRule(choices: choices))) { $1.string(get($0)) }
    }

    static func integer(
        _ key: String, _ shape: Shape = .id, _ summary: String = "", _ get: @escaping @Sendable (Model) -> Int64
    ) -> Self {
        Self(key, shape, summary) { $1.integer(get($0)) }
    }

    static func port(_ key: String, _ get: @escaping @Sendable (Model) -> Int) -> Self {
        Self(key, .port) { $1.integer(get($0)) }
    }

    static func bool(_ key: String, _ summary: String = "", _ get: @escaping @Sendable (Model) -> Bool) -> Self {
        Self(key, .boolean, summary) { $1.bool(get($0)) }
    }

    static func time(_ key: String, _ get: @escaping @Sendable (Model) -> Timestamp) -> Self {
        Self(key, .timestamp) { $1.string(get($0).rfc3339) }
    }

    static func texts(_ key: String, _ get: @escaping @Sendable (Model) -> [String]) -> Self {
        Self(key, .array(of: .text(max: .max), atMost: .max)) { model, writer in
            writer.array { for text in get(model) { $0.string(text) } }
        }
    }

    /// Always null: relations that are not loaded.
    static func null(_ key: String) -> Self { Self(key, .anything, isNullable: true) { $1.null() } }

    /// JSON text that lies in the store.
    static func json(
        _ key: String, _ shape: Shape = .map(of: .anything, atMost: .max), isNullable: Bool = false,
        _ get: @escaping @Sendable (Model) -> String
    ) -> Self {
        Self(key, shape, isNullable: isNullable) { $1.plain(get($0)) }
    }

    static func object<Inner>(
        _ key: String, _ output: Output<Inner>, _ get: @escaping @Sendable (Model) -> Inner
    ) -> Self {
        Self(key, .object(output.shape)) { output.write(get($0), to: &$1) }
    }

    /// A list that is null where it is not loaded.
    static func objects<Inner>(
        _ key: String, _ output: Output<Inner>, _ get: @escaping @Sendable (Model) -> [Inner]?
    ) -> Self {
        Self(key, .array(of: .object(output.shape), atMost: .max), isNullable: true) { model, writer in
            guard let inner = get(model) else { return writer.null() }
            writer.array { for model in inner { output.write(model, to: &$0) } }
        }
    }
}
