import MinionCommand

@main
enum Main {
    static func main() async { await runMinion(Array(CommandLine.arguments.dropFirst())) }
}
