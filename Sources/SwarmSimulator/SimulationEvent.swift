import MinionCore

/// What is due at a time of the virtual clock. Anything larger than a number waits in a pool.
enum SimulationEvent: BitwiseCopyable {
    case hostStarts(Int32)
    case hostTimer(Int32)
    /// Time to tell a host how far its transfers are.
    case watch(Int32, life: UInt32)
    case opened(Int32, life: UInt32)

    case subscribeArrives(Int32)
    case subscribeAnswered(Int32, isAccepted: Bool)
    /// The subscriber learns that a stream is over.
    case subscriptionEnds(Int32)
    /// A publisher gives up on a subscriber that has been silent.
    case subscriberIsLost(Int32)
    case newsDue(Int32, life: UInt32)
    /// News for one stream, or (−1) for all of the publisher's.
    case newsArrives(Pool<NewsBatch>.Key, subscription: Int32)

    case requestArrives(Pool<SimulatedRequest>.Key)
    case answerArrives(Pool<SimulatedRequest>.Key)

    case statArrives(Int32, life: UInt32)
    case statAnswered(Pool<StatAnswer>.Key)
    case fetchArrives(Pool<SimulatedFetch>.Key)
    case sourcePieceArrives(Pool<SimulatedFetch>.Key, piece: Int32)
    case fetchEnds(Pool<SimulatedFetch>.Key)

    case reportArrives(Pool<ReportInTransit>.Key)
    case reportFails(Int32, life: UInt32)
    case replyArrives(Pool<ReplyInTransit>.Key)
    case leaveArrives(Int32, life: UInt32)
    case trackerTimer

    case hostFault(Int32, Int32)
    case sourceFault(Int32)
    case trackerFault(Int32)
}
