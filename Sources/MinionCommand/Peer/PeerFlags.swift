import ArgumentParser

/// The settings of a long-running node as flags. None has a default here: a flag that is not given leaves the setting to
/// the environment and the file. What a value may be is checked where all three are read.
struct PeerFlags: ParsableArguments {
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("The tracker; repeatable, first come first asked.", valueName: "tracker"))
    var tracker: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The manager that knows this machine's cluster; repeatable, first come first asked.",
            discussion: "The cluster's schedulers are its trackers then, and it keeps to the cluster's limits.",
            valueName: "url"))
    var manager: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What lets this machine into the fleet; better given as MINION_JOIN_TOKEN or in the file, which fewer can see.",
            valueName: "token"))
    var joinToken: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("What the fleet calls this machine. (default: its own name)", valueName: "name"))
    var hostName: String?

    @Option(
        help: ArgumentHelp(
            "Where content is kept. (default: /var/cache/minion for root, else $XDG_CACHE_HOME/minion or ~/.cache/minion)",
            valueName: "folder"))
    var cacheDir: String?

    @Option(
        help: ArgumentHelp(
            "How large the cache may grow, as 100G or 25% of its file system; what was not used longest goes first. "
                + "(default: 25%)", valueName: "size"))
    var cacheSize: String?

    @Option(help: ArgumentHelp("Drop what nobody has used for so long: 12h, 30d. (default: never)", valueName: "time"))
    var cacheAge: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where this machine serves others. (default: all addresses, a free port)", valueName: "host:port"))
    var listen: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The address that others reach this machine at. (default: the one the tracker sees)",
            valueName: "host[:port]"))
    var advertise: String?

    @Option(
        name: [.customLong("site"), .customLong("idc")], parsing: .unconditional,
        help: ArgumentHelp("The site of this machine; machines of one site prefer each other.", valueName: "name"))
    var site: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where that is, most general first, such as 'asia|cn|hz'; the nearer prefer each other.",
            valueName: "place"))
    var location: String?

    @Flag(inversion: .prefixedNo, help: "Be a seed: every newcomer of a task is introduced to one.")
    var seed: Bool?

    @Flag(inversion: .prefixedNo, help: "Whether this machine gives to others. (default: yes)")
    var upload: Bool?

    @Flag(inversion: .prefixedNo, help: "Whether this machine may read sources. (default: yes)")
    var source: Bool?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "From where the fleet may have this machine read, beside public and private addresses.",
            discussion: """
                Addresses, blocks, host names and *.domain, with commas between. This machine itself, its link and a \
                cloud's metadata are read for nobody else unless they stand here. What its own users ask for is not \
                concerned.
                """, valueName: "addresses"))
    var preheatSources: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second in, all downloads together: 10M, 80mbit.", valueName: "rate")
    )
    var downloadRate: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second out, to all other machines together.", valueName: "rate"))
    var uploadRate: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second in from sources.", valueName: "rate"))
    var sourceRate: String?

    @Option(help: ArgumentHelp("How many requests of others are served at a time. (default: 8)", valueName: "number"))
    var uploadSlots: String?

    @Option(help: ArgumentHelp("How many pieces a download asks for at a time. (default: 8)", valueName: "number"))
    var concurrentPieces: String?

    @Option(
        help: ArgumentHelp(
            "Where programs of this host find the node. (default: /run/minion/node.sock for root, else below "
                + "$XDG_RUNTIME_DIR or ~/.local/state)", valueName: "path"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "What is logged to stderr, with all that is worse: trace, debug, info, … critical. (default: info)",
            valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("How it is written: logfmt or json. (default: logfmt)", valueName: "format"))
    var logFormat: String?

    /// What was given, by setting.
    var given: [PeerSetting: [String]] {
        let texts: [PeerSetting: String?] = [
            .joinToken: joinToken, .hostName: hostName, .cacheDir: cacheDir, .cacheSize: cacheSize, .cacheAge: cacheAge,
            .listen: listen, .advertise: advertise,
            .site: site, .location: location, .seed: seed.map(String.init), .upload: upload.map(String.init),
            .source: source.map(String.init), .downloadRate: downloadRate, .uploadRate: uploadRate,
            .sourceRate: sourceRate, .uploadSlots: uploadSlots, .concurrentPieces: concurrentPieces, .socket: socket,
            .logLevel: logLevel, .logFormat: logFormat,
        ]
        var given = texts.compactMapValues { $0.map { [$0] } }
        if !tracker.isEmpty { given[.tracker] = tracker }
        if !manager.isEmpty { given[.manager] = manager }
        if !preheatSources.isEmpty { given[.preheatSources] = preheatSources }
        return given
    }
}

/// Where the settings' file is.
struct SettingsFileFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The settings' file, with lines such as cache-size = \"100G\". (default: /etc/minion/peer.toml, if it is there)",
            valueName: "file"))
    var config: String?
}
