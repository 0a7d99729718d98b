/// Why the node of this host cannot be reached, or cannot be there.
package struct HostError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line: what happened, to what.
    package let message: String
    /// What to do about it, if there is something to say.
    package let hint: String?

    package init(_ message: String, hint: String? = nil) {
        self.message = message
        self.hint = hint
    }

    package var description: String { hint.map { "\(message); \($0)" } ?? message }
}
