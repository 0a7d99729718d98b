import ArgumentParser
import MinionCore
package import Node

/// What `minion share` was asked to do.
package struct ShareOrder: Sendable {
    package var request: ShareRequest
    package var node: NodeConfiguration
    package var wait: Duration?

    /// Reads the arguments behind `minion share`.
    package init(arguments: [String], environment: [String: String], workingDirectory: String) throws {
        let command = try ShareCommand.parse(ArgumentForms.rewritten(arguments))
        try self.init(
            path: command.path, command.flags, environment: environment, workingDirectory: workingDirectory)
    }

    init(path: String, _ flags: ShareFlags, environment: [String: String], workingDirectory: String) throws {
        let absolute = Destination.absolute(path, in: workingDirectory)
        guard !path.isEmpty else { throw CommandError.usage("the path of the file is empty") }
        let fileName = absolute.split(separator: "/").last.map(String.init) ?? ""
        let name = try Self.name(flags.name ?? fileName, isGiven: flags.name != nil)
        request = ShareRequest(path: absolute, name: name.text)
        request.tag = flags.tag
        request.application = flags.application
        request.ignoredParameters = TaskIdentity.signatureParameters.sorted()
        request.uploadRate = flags.uploadRate?.bytesPerSecond
        node = NodeConfiguration()
        node.trackers =
            flags.tracker.isEmpty
            ? try ArgumentValues.trackers(fromEnvironment: environment["MINION_TRACKER"] ?? "") : flags.tracker
        request.managers = try flags.manager.managers(environment: environment)
        request.joinToken = try flags.manager.token(environment: environment)
        guard !node.trackers.isEmpty || !request.managers.isEmpty else {
            throw CommandError.usage(
                "without a tracker nobody finds the file", hint: "give --tracker HOST:PORT or set MINION_TRACKER")
        }
        node.listen = flags.listen ?? node.listen
        node.advertise = flags.advertise
        node.site = flags.site
        node.location = flags.location
        node.mayUseSource = false
        wait = flags.wait
    }

    /// What others ask for: a URL, or a name with `minion:` before it.
    static func name(_ text: String, isGiven: Bool) throws(CommandError) -> SourceURL {
        if text.contains("://") || text.hasPrefix(SourceURL.sharedScheme) {
            let url = try SourceURL(text)
            guard url.authorization == nil else {
                throw .usage("a file is offered to everybody; take the password out of \(text.quoted)")
            }
            return url
        }
        do throws(CommandError) {
            return try SourceURL(sharedName: text)
        } catch {
            throw isGiven ? error : .usage(error.message, hint: "name it with --as NAME")
        }
    }

    /// What is to be typed on other machines.
    package var command: String {
        var words = ["minion get", Self.shellWord(request.name)]
        for tracker in node.trackers {
            words.append("--tracker " + (tracker.hasPrefix("http://") ? String(tracker.dropFirst(7)) : tracker))
        }
        for manager in node.trackers.isEmpty ? request.managers : [] { words.append("--manager " + manager) }
        if !request.tag.isEmpty { words.append("--tag " + Self.shellWord(request.tag)) }
        if !request.application.isEmpty { words.append("--application " + Self.shellWord(request.application)) }
        return words.joined(separator: " ")
    }

    private static func shellWord(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            switch byte {
            case 48...57, 65...90, 97...122: true
            default: "-._~:/@%+,=".utf8.contains(byte)
            }
        }
        return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}
