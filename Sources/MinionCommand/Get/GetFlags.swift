import ArgumentParser
import MinionCore
import Node

/// Where the file goes and what is checked.
struct FileFlags: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output"), .customLong("dest-path")],
        help: ArgumentHelp(
            "The file to write, or a folder, which takes the URL's last segment as the name; '-' is stdout.",
            valueName: "path"))
    var output: String?

    @Flag(
        help: """
            Write the bytes to stdout in order, while they arrive. Nothing is kept on disk but in the cache of the host's \
            node, if there is one.
            """)
    var dataStdout = false

    @Option(
        name: [.customLong("hash"), .customLong("digest")], parsing: .unconditional,
        help: ArgumentHelp(
            "What the whole file must hash to, such as sha256:9f86d0…; also md5, sha1, sha384, sha512, sha3-256 …",
            valueName: "type:sum"),
        transform: ArgumentValues.digest)
    var digest: String?
}

/// How the source is asked.
struct SourceFlags: ParsableArguments {
    @Option(
        name: [.customShort("H"), .customLong("header")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A header field for the source; repeatable. '@FILE' reads fields from a file, one a line, '@-' from stdin.",
            valueName: "name: value"),
        transform: HeaderArgument.init)
    var headers: [HeaderArgument] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Whether this machine may read the source. If not, every byte comes from other machines.")
    var fallback = true

    @Flag(help: "The same as --no-fallback: for hosts without a way out.")
    var noSource = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Give up after so long without any progress. (default: never)", valueName: "seconds"),
        transform: ArgumentValues.timeout)
    var timeout: Duration?
}

/// What makes two downloads the same one, and who takes part.
struct SwarmFlags: ParsableArguments {
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The tracker, as HOST, HOST:PORT (port 8080 if none is given) or a URL; repeatable, first come first asked.",
            discussion:
                "Also taken from MINION_TRACKER (commas between several). Without any, the file comes from the source.",
            valueName: "tracker"),
        transform: ArgumentValues.tracker)
    var tracker: [String] = []

    @OptionGroup var manager: ManagerFlags

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Downloads with different tags share nothing.", valueName: "text"),
        transform: ArgumentValues.label)
    var tag = ""

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Downloads for different applications share nothing.", valueName: "text"),
        transform: ArgumentValues.label)
    var application = ""

    @Option(
        name: [.customLong("ignore-qp"), .customLong("filtered-query-param")], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "Query parameters that do not make it another file: --ignore-qp token user, or --filtered-query-param token,user.",
            discussion: "Repeatable. The parameters of signed URLs (X-Amz-Signature and the like) are ignored anyway.",
            valueName: "name"),
        transform: ArgumentValues.parameterNames)
    var ignoredParameters: [[String]] = []

    @Flag(
        name: .customLong("no-default-ignore-qp"),
        help: "Ignore only the query parameters that are given, not those of signed URLs.")
    var keepsSignatureParameters = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The site of this machine; machines of one site prefer each other.", valueName: "name"),
        transform: ArgumentValues.label)
    var site = ""

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Where this machine serves others. (default: all addresses, a free port)", valueName: "host:port"),
        transform: ArgumentValues.listen)
    var listen: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The address that others reach this machine at. (default: the one the tracker sees)",
            valueName: "host[:port]"),
        transform: ArgumentValues.advertise)
    var advertise: String?

    @Flag(help: "Take from others without giving: nothing is uploaded.")
    var noUpload = false
}

/// Who knows the trackers.
struct ManagerFlags: ParsableArguments {
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The manager that knows which trackers are this machine's; repeatable. Also taken from MINION_MANAGER.",
            discussion: "It is asked only where no tracker is named; a node of this host has its own.", valueName: "url"
        ),
        transform: ArgumentValues.tracker)
    var manager: [String] = []

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What the manager answers to; better given as MINION_JOIN_TOKEN, which fewer can see.", valueName: "token"),
        transform: ArgumentValues.joinToken)
    var joinToken: String?

    func managers(environment: [String: String]) throws(CommandError) -> [String] {
        manager.isEmpty
            ? try ArgumentValues.trackers(fromEnvironment: environment["MINION_MANAGER"] ?? "", of: "MINION_MANAGER")
            : manager
    }

    func token(environment: [String: String]) throws(CommandError) -> String {
        if let joinToken { return joinToken }
        let text = environment["MINION_JOIN_TOKEN"] ?? ""
        guard text.isEmpty || (try? ArgumentValues.joinToken(text)) != nil else {
            throw .usage("what is in MINION_JOIN_TOKEN is no join token")
        }
        return text
    }
}

/// Which node does the work.
struct NodeFlags: ParsableArguments {
    @Flag(
        help: ArgumentHelp(
            "Use a node of its own, though one runs on this host (minion peer).",
            discussion: """
                Without it, the host's node downloads into its cache, and the file is put in place from there; \
                --upload-time does not apply then. MINION_SOCKET names the node to use. What looks into a single \
                download or sets up its node (--listen, --advertise, --site, --callback, --foreground, --trace, --logfile, \
                --verbose) brings a node of its own, too.
                """))
    var noNode = false

    @Flag(
        help: ArgumentHelp(
            "Put the file in place as a hard link into the host's cache: nothing is copied, and it is read-only.",
            discussion: "A file system that can share blocks (reflink) does so without this flag, and safely."))
    var hardLink = false
}

/// What it may cost.
struct LimitFlags: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second in: 10M, 512K, 1.5G, 80mbit.", valueName: "rate"),
        transform: ArgumentValues.rate)
    var downloadRate: ByteRate?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second out, to other machines.", valueName: "rate"),
        transform: ArgumentValues.rate)
    var uploadRate: ByteRate?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to serve others, in the background, after the file is complete. (default: 60)",
            valueName: "seconds"),
        transform: ArgumentValues.seconds)
    var uploadTime: Duration = .seconds(60)

    @Flag(help: "Serve in the foreground: the command ends when serving does, and serving ends with the command.")
    var foreground = false

    @Option(
        help: ArgumentHelp("What to do when serving ends: delete removes the file.", valueName: "delete"))
    var callback: Callback?

    enum Callback: String, ExpressibleByArgument, CaseIterable { case delete }
}

/// What is shown and written down.
struct OutputFlags: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "auto: a bar on a terminal; json: one object a line on stdout; none: errors only.",
            valueName: "style"))
    var progress: ProgressStyle = .auto

    @Flag(help: "Say at the end why bytes came from the source.")
    var explain = false

    @Flag(name: .shortAndLong, help: "Print nothing but errors.")
    var quiet = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("0: errors; 1: information; 2: everything.", valueName: "level"),
        transform: ArgumentValues.verbosity)
    var verbose = 0

    @Option(help: ArgumentHelp("Append the log to this file instead of stderr.", valueName: "file"))
    var logfile: String?

    @Option(help: ArgumentHelp("Write every decision of the download to this file, as JSON lines.", valueName: "file"))
    var trace: String?
}

/// How progress is shown.
package enum ProgressStyle: String, ExpressibleByArgument, CaseIterable, Sendable {
    case auto, bar, json, none
}
