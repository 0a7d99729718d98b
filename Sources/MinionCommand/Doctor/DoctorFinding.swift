/// One thing that `minion doctor` looked at.
package struct DoctorFinding: Hashable, Sendable {
    package enum Status: String, CaseIterable, Sendable { case ok, warn, fail }

    /// What was looked at, in a word or two.
    package var check: String
    package var status: Status
    /// What was found, and why.
    package var message: String
    /// What to do about it.
    package var fix: String?

    package init(_ check: String, _ status: Status, _ message: String, fix: String? = nil) {
        self.check = check
        self.status = status
        self.message = message
        self.fix = fix
    }

    /// For people, with line ends.
    package var text: String {
        let name = check + String(repeating: " ", count: max(1, 12 - check.count))
        let line = status.rawValue + (status == .ok ? "    " : "  ") + name + message.printable + "\n"
        return line + (fix.map { "      fix: \($0.printable)\n" } ?? "")
    }

    /// `{"check": …, "status": "ok" | "warn" | "fail", "message": …, "fix": …}` on a line. The keys are a contract.
    package var json: String {
        var line = JSONObject("check", check)
        line.add("status", status.rawValue)
        line.add("message", message)
        line.add("fix", raw: fix.map(JSONObject.literal) ?? "null")
        return line.text + "\n"
    }
}
