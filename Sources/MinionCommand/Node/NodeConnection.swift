import HostNode

/// The node that carries out a `get`: one of its own, or that of the host. What it is told goes with its making.
protocol NodeConnection: AnyObject {
    /// The node's messages, as JSON lines; reading does not block.
    var messages: Int32 { get }

    /// Tells the node that the user does not want the file any more. A descriptor that becomes readable meanwhile (a second
    /// Ctrl-C) ends the patience.
    func stop(patience: Duration, impatience: Int32)

    /// Gives a node that has failed the time to end in good order.
    func waitForEnd(patience: Duration, impatience: Int32)

    /// Why the messages ended without a result.
    func unexpectedEnd() -> CommandError
}

/// The host's node goes on whatever becomes of one order; that the user is gone it sees when the connection is closed.
extension HostConnection: NodeConnection {
    func stop(patience: Duration, impatience: Int32) {}

    func waitForEnd(patience: Duration, impatience: Int32) {}

    func unexpectedEnd() -> CommandError {
        CommandError(
            "the node of this host ended (\(path))",
            hint: "what has arrived is kept in its cache: the same command goes on from there")
    }
}

extension CommandError {
    init(_ error: HostError) { self.init(error.message, hint: error.hint) }
}
