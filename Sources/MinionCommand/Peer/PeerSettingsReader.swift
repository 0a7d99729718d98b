import ArgumentParser
import Configuration
import FoundationEssentials
import Glibc
import HostNode
import MinionCore
import PieceStore
import Synchronization
import SystemPackage
import Wire

/// The settings as they came together, and where each is from.
package struct LoadedSettings: Sendable {
    package var settings = PeerSettings()
    /// What each setting is, as it would stand in a file; no entry: not set.
    package var shown: [PeerSetting: String] = [:]
    package var origins: [PeerSetting: SettingOrigin] = [:]

    /// What other values than these say: the settings that differ and that a running node does not take on.
    package func unreloadable(in other: LoadedSettings) -> [PeerSetting] {
        PeerSetting.allCases.filter { !$0.isReloadable && shown[$0] != other.shown[$0] }
    }

    /// A settings file that says the same, with the origin of each value behind it.
    package var text: String {
        let lines = PeerSetting.allCases.map { setting in
            let name = setting.rawValue
            let line = shown[setting].map { "\(name) = \($0)" } ?? "# \(name) is not set"
            return (line, origins[setting] ?? .standard)
        }
        let width = min(60, lines.map(\.0.count).max() ?? 0)
        return lines.map { line, origin in
            line + String(repeating: " ", count: max(0, width - line.count)) + "  # \(origin)\n"
        }.joined()
    }
}

/// Reads the settings of a long-running node: a flag counts more than the environment, this more than the file, and
/// this more than the default.
package struct PeerSettingsReader: Sendable {
    /// What was given on the command line.
    package var flags: [PeerSetting: [String]]
    package var environment: [String: String]
    package var workingDirectory: String
    /// `--config`; nil: the standard file, if it is there.
    package var file: String?
    package var isRoot: Bool

    package init(
        flags: [PeerSetting: [String]], environment: [String: String], workingDirectory: String, file: String?,
        isRoot: Bool = geteuid() == 0
    ) {
        self.flags = flags
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.file = file
        self.isRoot = isRoot
    }

    /// Throws `CommandError`, which names the flag, the variable, or the file and the line.
    package func load() async throws -> LoadedSettings {
        let path = file.map { Destination.absolute($0, in: workingDirectory) } ?? StandardPlaces.settingsFile
        let file = try await provider(for: path)
        let snapshot = file.snapshot() as? SettingsSnapshot
        let values = flags.map { setting, texts in
            let content: ConfigContent = setting.isList ? .stringArray(texts) : .string(texts.last ?? "")
            return (AbsoluteConfigKey([setting.rawValue]), ConfigValue(content, isSecret: false))
        }
        // A variable that is set to nothing is one that is not set.
        let variables = environment.filter { $0.key.hasPrefix("MINION_") && !$0.value.isEmpty }
        let recorder = OriginRecorder()
        let reader = ConfigReader(
            providers: [
                InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: values)),
                EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "minion"),
                file,
            ], accessReporter: recorder)
        var loading = Loading(reader: self) { setting in
            let key = ConfigKey([setting.rawValue])
            let texts =
                setting.isList ? reader.stringArray(forKey: key) : reader.string(forKey: key).map { [$0] }
            let origin: SettingOrigin? =
                switch recorder.provider(of: setting.rawValue) {
                case 0: .flag("--\(setting.rawValue)")
                case 1: .environment("MINION_" + setting.rawValue.uppercased().replacing("-", with: "_"))
                case 2: .file(path: path, line: snapshot?.file.entries[setting.rawValue]?.line ?? 0)
                default: nil
                }
            return texts.flatMap { texts in origin.map { (texts, $0) } }
        }
        try loading.run()
        return loading.loaded
    }

    private func provider(for path: String) async throws -> FileProvider<SettingsSnapshot> {
        do {
            return try await FileProvider(
                snapshotType: SettingsSnapshot.self,
                parsingOptions: .init(known: PeerSetting.allCases.map(\.rawValue), path: path),
                filePath: FilePath(path), allowMissing: file == nil)
        } catch let error as CommandError {
            throw error
        } catch {
            let reason = access(path, R_OK) == 0 ? "it is no plain file" : lastError()
            throw CommandError.usage("cannot read the settings file \(path.quoted): \(reason)")
        }
    }
}

/// Remembers which provider had the value of each key.
private final class OriginRecorder: AccessReporter {
    private let providers = Mutex<[String: Int]>([:])

    func report(_ event: AccessEvent) {
        let found = event.providerResults.lastIndex { (try? $0.result.get())?.value != nil }
        providers.withLock { $0[event.metadata.key.components.joined(separator: ".")] = found }
    }

    /// Counted from the one that counts most.
    func provider(of key: String) -> Int? { providers.withLock { $0[key] } }
}

/// Reads each setting once.
private struct Loading {
    let reader: PeerSettingsReader
    let find: (PeerSetting) -> ([String], SettingOrigin)?
    var loaded = LoadedSettings()

    init(reader: PeerSettingsReader, find: @escaping (PeerSetting) -> ([String], SettingOrigin)?) {
        self.reader = reader
        self.find = find
    }

    mutating func run() throws {
        try readMany(.tracker, into: \.trackers, ArgumentValues.tracker)
        try readMany(.manager, into: \.managers, ArgumentValues.tracker)
        try read(.joinToken, into: \.joinToken, ArgumentValues.joinToken)
        try read(.hostName, into: \.hostName) { try PeerSettingsReader.hostName($0) }
        try readFolder()
        try read(.cacheSize, into: \.cacheSize) {
            try CacheSize($0) ?? refuse("give a size such as 100G, or a share of the file system such as 25%")
        }
        try read(.cacheAge, into: \.cacheAge) { try PeerSettingsReader.age($0) }
        try read(.listen, into: \.listen, ArgumentValues.listen)
        try read(.advertise, into: \.advertise, ArgumentValues.advertise)
        try read(.site, into: \.site) { try PeerSettingsReader.place($0, WireLimits.siteBytes) }
        try read(.location, into: \.location) { try PeerSettingsReader.place($0, WireLimits.locationBytes) }
        try read(.seed, into: \.isSeed, PeerSettingsReader.truth)
        try read(.upload, into: \.mayUpload, PeerSettingsReader.truth)
        try read(.source, into: \.mayUseSource, PeerSettingsReader.truth)
        try readMany(.preheatSources, into: \.preheatSources, ArgumentValues.addresses)
        try read(.downloadRate, into: \.downloadRate, ArgumentValues.rate)
        try read(.uploadRate, into: \.uploadRate, ArgumentValues.rate)
        try read(.sourceRate, into: \.sourceRate, ArgumentValues.rate)
        try read(.uploadSlots, into: \.uploadSlots) { try PeerSettingsReader.count($0, 1...1000) }
        try read(.concurrentPieces, into: \.concurrentPieces) { try PeerSettingsReader.count($0, 1...256) }
        try readSocket()
        try read(.logLevel, into: \.logLevel) { try PeerSettingsReader.choice($0) }
        try read(.logFormat, into: \.logFormat) { try PeerSettingsReader.choice($0) }
        if loaded.settings.isSeed, !loaded.settings.mayUpload {
            throw CommandError.usage(
                "a seed that uploads nothing is of no use", hint: "take --seed or --no-upload away")
        }
        if loaded.settings.trackers.isEmpty, loaded.settings.managers.isEmpty, !loaded.settings.mayUseSource {
            throw CommandError.usage(
                "with --no-source and without a tracker there is nobody to ask", hint: "give --tracker HOST:PORT")
        }
        if !loaded.settings.managers.isEmpty, loaded.settings.joinToken == nil {
            throw CommandError.usage(
                "a manager answers only to those who show a join token",
                hint: "make one at the manager, and give it as MINION_JOIN_TOKEN or --join-token")
        }
    }

    private mutating func read<Value>(
        _ setting: PeerSetting, into path: WritableKeyPath<PeerSettings, Value>, _ parse: (String) throws -> Value
    ) throws {
        guard let (texts, origin) = find(setting) else { return showDefault(setting) }
        let text = texts.first ?? ""
        loaded.settings[keyPath: path] = try parsed(text, setting, origin, parse)
        note(setting, Self.literal(text), origin)
    }

    private mutating func read<Value>(
        _ setting: PeerSetting, into path: WritableKeyPath<PeerSettings, Value?>, _ parse: (String) throws -> Value
    ) throws {
        guard let (texts, origin) = find(setting) else { return showDefault(setting) }
        let text = texts.first ?? ""
        loaded.settings[keyPath: path] = try parsed(text, setting, origin, parse)
        note(setting, Self.literal(setting.isSecret ? PeerSettingsReader.hidden : text), origin)
    }

    private mutating func readMany(
        _ setting: PeerSetting, into path: WritableKeyPath<PeerSettings, [String]>, _ parse: (String) throws -> String
    ) throws {
        guard let (texts, origin) = find(setting) else { return showDefault(setting) }
        var values: [String] = []
        // Several may stand in one text with commas between, as MINION_TRACKER has always had it.
        for text in texts.flatMap({ $0.split(separator: ",").map { $0.trimmingSpaces() } }) where !text.isEmpty {
            values.append(try parsed(text, setting, origin, parse))
        }
        loaded.settings[keyPath: path] = values
        note(setting, "[" + values.map(Self.literal).joined(separator: ", ") + "]", origin)
    }

    private mutating func readFolder() throws {
        let setting = PeerSetting.cacheDir
        guard let (texts, origin) = find(setting) else {
            guard
                let folder = StandardPlaces.cacheFolder(environment: reader.environment, isRoot: reader.isRoot)
            else { throw CommandError.usage("there is no home folder to cache in", hint: "give --cache-dir FOLDER") }
            loaded.settings.cacheFolder = folder
            return note(setting, Self.literal(folder), .standard)
        }
        let folder = try path(texts.first ?? "", setting, origin)
        loaded.settings.cacheFolder = folder
        note(setting, Self.literal(folder), origin)
    }

    private mutating func readSocket() throws {
        let setting = PeerSetting.socket
        guard let (texts, origin) = find(setting) else {
            guard let place = NodeSocket.standardPlace(environment: reader.environment, isRoot: reader.isRoot) else {
                throw CommandError.usage("there is no folder for the socket", hint: "give --socket PATH")
            }
            loaded.settings.socket = place
            return note(setting, Self.literal(place), .standard)
        }
        let path = try path(texts.first ?? "", setting, origin)
        loaded.settings.socket = path
        note(setting, Self.literal(path), origin)
    }

    private func path(_ text: String, _ setting: PeerSetting, _ origin: SettingOrigin) throws -> String {
        try parsed(text, setting, origin) { text in
            guard !text.isEmpty, !text.hasControlCharacters else { return try refuse("give a path") }
            if case .file = origin, !text.hasPrefix("/") { return try refuse("give a path that begins with /") }
            return Destination.absolute(text, in: reader.workingDirectory)
        }
    }

    private func parsed<Value>(
        _ text: String, _ setting: PeerSetting, _ origin: SettingOrigin, _ parse: (String) throws -> Value
    ) throws -> Value {
        do {
            return try parse(text)
        } catch let error as ValidationError {
            let place =
                switch origin {
                case .flag(let name), .environment(let name): "\(name): "
                case .file(let path, let line): "\(path):\(line): \(setting.rawValue): "
                case .standard: ""
                }
            let shown = setting.isSecret ? "what was given" : text.quoted
            throw CommandError.usage("\(place)\(shown) is no value for this; \(error.message)")
        }
    }

    private mutating func note(_ setting: PeerSetting, _ text: String, _ origin: SettingOrigin) {
        loaded.shown[setting] = text
        loaded.origins[setting] = origin
    }

    private mutating func showDefault(_ setting: PeerSetting) {
        let standard = PeerSettings()
        let text: String? =
            switch setting {
            case .cacheSize: Self.literal(standard.cacheSize.description)
            case .listen: Self.literal(standard.listen)
            case .seed: "\(standard.isSeed)"
            case .upload: "\(standard.mayUpload)"
            case .source: "\(standard.mayUseSource)"
            case .uploadSlots: "\(standard.uploadSlots)"
            case .concurrentPieces: "\(standard.concurrentPieces)"
            case .logLevel: Self.literal(standard.logLevel.rawValue)
            case .logFormat: Self.literal(standard.logFormat.rawValue)
            default: nil
            }
        if let text { note(setting, text, .standard) }
    }

    /// As a settings file has it.
    private static func literal(_ text: String) -> String {
        if ["true", "false"].contains(text) || !text.isEmpty && text.utf8.allSatisfy({ (48...57).contains($0) }) {
            return text
        }
        return JSONObject.literal(text)
    }
}

/// Refuses a value; the words say what is accepted.
private func refuse<Value>(_ words: String) throws -> Value { throw ValidationError(words) }

extension PeerSettingsReader {
    /// What is shown in the place of a secret.
    static let hidden = "***"

    static func truth(_ text: String) throws -> Bool {
        switch text.lowercased() {
        case "true", "yes", "1": true
        case "false", "no", "0": false
        default: try refuse("give true or false")
        }
    }

    /// A name that others are told, of at most `limit` bytes.
    static func place(_ text: String, _ limit: Int) throws -> String {
        guard text.utf8.count <= limit, !text.hasControlCharacters else {
            return try refuse("give at most \(limit) bytes without control characters")
        }
        return text
    }

    static func hostName(_ text: String) throws -> String {
        guard (1...255).contains(text.utf8.count), !text.hasControlCharacters, !text.contains(" ") else {
            return try refuse("give a name of at most 255 bytes without spaces")
        }
        return text
    }

    static func count(_ text: String, _ range: ClosedRange<Int>) throws -> Int {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let count = Int(text), range.contains(count) else {
            return try refuse("give a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return count
    }

    /// `90`, `90s`, `15m`, `12h`, `30d`.
    static func age(_ text: String) throws -> Duration {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        let factor = text.last.flatMap { units[$0] }
        let seconds = (factor == nil ? text[...] : text.dropLast()).utf8
        guard !seconds.isEmpty, seconds.count <= 12, seconds.allSatisfy({ (48...57).contains($0) }),
            let number = Double(String(decoding: seconds, as: UTF8.self)), number > 0,
            number * (factor ?? 1) <= 315_360_000
        else { return try refuse("give a time such as 12h or 30d, at most ten years") }
        return .inSeconds(number * (factor ?? 1))
    }

    static func choice<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value
    where Value.RawValue == String {
        try Value(rawValue: text)
            ?? refuse("give one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
    }
}
