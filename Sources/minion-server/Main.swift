import MinionServer

@main
enum Main {
    static func main() async { await runServer(Array(CommandLine.arguments.dropFirst())) }
}
