import Configuration

/// A settings file as swift-configuration takes it.
struct SettingsSnapshot: FileConfigSnapshot {
    /// Which keys a file may have, and how it is named in errors.
    struct ParsingOptions: FileParsingOptions {
        var known: [String]
        var path: String

        static var `default`: ParsingOptions { ParsingOptions(known: PeerSetting.allCases.map(\.rawValue), path: "") }
    }

    let providerName: String
    let file: SettingsFile

    init(data: RawSpan, providerName: String, parsingOptions: ParsingOptions) throws {
        self.providerName = providerName
        let path = parsingOptions.path
        guard data.byteCount <= SettingsFile.maximumSize else {
            throw CommandError.usage("\(path): the file has more than \(SettingsFile.maximumSize) bytes")
        }
        let bytes = data.withUnsafeBytes { Array($0) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandError.usage("\(path): the file is not UTF-8 text")
        }
        do {
            file = try SettingsFile(text, known: parsingOptions.known)
        } catch {
            throw CommandError.usage(
                "\(path):\(error.line): \(error.message)", hint: "'minion peer --print-config' shows all settings")
        }
    }

    /// Numbers and truth values are given as text: what they mean is read in one place, wherever they come from.
    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        let name = key.components.joined(separator: ".")
        guard let entry = file.entries[name] else { return LookupResult(encodedKey: name, value: nil) }
        let content: ConfigContent =
            switch (entry.value, type) {
            case (.scalar(let text), .stringArray): .stringArray([text])
            case (.scalar(let text), _): .string(text)
            case (.list(let list), .stringArray): .stringArray(list)
            case (.list(let list), _): .string("[" + list.joined(separator: ", ") + "]")
            }
        return LookupResult(encodedKey: name, value: ConfigValue(content, isSecret: false))
    }

    var description: String { "\(providerName)[\(file.entries.count) values]" }
    var debugDescription: String { description }
}
