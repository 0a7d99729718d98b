package import MinionCore

/// How long a node gathers what is new before it tells its neighbours.
///
/// A piece of news costs both sides about as much as a packet's worth of a piece, and there is one for each piece and
/// neighbour. It may come late by a part of the time that a piece takes on its way; nobody can ask for more before.
package struct NewsPace: Sendable {
    private var meanBody: Duration?

    private static let shortest = Duration.milliseconds(5)
    private static let longest = Duration.milliseconds(100)

    package init() {}

    /// A piece was on its way to a neighbour for so long.
    package mutating func bodyTook(_ time: Duration) {
        meanBody = meanBody.map { ($0 * 7 + time) / 8 } ?? time
    }

    package var interval: Duration {
        guard let meanBody else { return Self.shortest }
        return min(max(meanBody / 2, Self.shortest), Self.longest)
    }
}
