import ArgumentParser
import MinionCore

/// What is offered, and to whom.
struct ShareFlags: ParsableArguments {
    @Option(
        name: .customLong("as"), parsing: .unconditional,
        help: ArgumentHelp(
            "What others ask for: a name, or a URL in the place of its source. (default: the file's name)",
            valueName: "url-or-name"))
    var name: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "End so many seconds after the file is offered. (default: when stopped)", valueName: "seconds"),
        transform: ArgumentValues.seconds)
    var wait: Duration?

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The tracker, as for 'minion get'; repeatable. Also taken from MINION_TRACKER.", valueName: "tracker"),
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
        parsing: .unconditional,
        help: ArgumentHelp("At most so many bytes a second out: 10M, 80mbit.", valueName: "rate"),
        transform: ArgumentValues.rate)
    var uploadRate: ByteRate?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The site of this machine; machines of one site prefer each other.", valueName: "name"),
        transform: ArgumentValues.label)
    var site = ""

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Where that is, most general first, such as 'asia|cn|hz'.", valueName: "place"),
        transform: ArgumentValues.label)
    var location = ""

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

    @Option(
        help: ArgumentHelp(
            "auto: a bar on a terminal; json: one object a line on stdout; none: errors only.", valueName: "style"))
    var progress: ProgressStyle = .auto
}
