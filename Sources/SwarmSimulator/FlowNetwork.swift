/// Links with capacities, and flows that each cross one sender's and one receiver's link.
///
/// Rates are max-min fair (progressive filling: Bertsekas & Gallager, Data Networks, 6.5.2), which is about what many
/// TCP connections settle to. With `interval` 0 they are exact after every change. With another interval they are
/// computed anew only so often; in between, a new flow gets what its links have left over and an ended one leaves its
/// share to the next. A large swarm changes flows a million times in a second of virtual time, and a flow lives for many
/// intervals.
package struct FlowNetwork {
    package typealias Flow = Int32
    package typealias Link = Int32

    /// What a flow stands for; given back when it ends.
    package struct Owner: BitwiseCopyable, Equatable {
        package enum Kind: UInt8, BitwiseCopyable { case request, fetch }
        package var kind: Kind
        package var slot: Int32

        package init(kind: Kind, slot: Int32) {
            self.kind = kind
            self.slot = slot
        }
    }

    // By link.
    private var capacity: [Double]
    private var first: [Flow]
    private var flowCount: [Int32]
    /// What the flows' rates leave of the capacity.
    private var unclaimed: [Double]
    /// Bytes that ended flows have carried.
    private var carried: [Double]

    // By flow. Each is in two lists: that of its sender's link (even places) and that of its receiver's (odd places).
    private var links: [Link] = []
    private var next: [Flow] = []
    private var previous: [Flow] = []
    private var owners: [Owner] = []
    private var remaining: [Double] = []
    private var total: [Double] = []
    private var rate: [Double] = []
    private var updated: [Int64] = []
    private var finish: [Int64] = []
    private var stamp: [UInt32] = []
    private var place: [Int32] = []
    private var active: [Flow] = []
    private var unused: [Flow] = []

    // For solving.
    private var settledIn: [UInt32] = []
    private var round: UInt32 = 0
    private var left: [Double]
    private var open: [Int32]
    private var heap: [(share: Double, link: Link)] = []

    private let interval: Int64
    private var nextSolve: Int64 = 0
    private var isDirty = false
    private var nextFinish = Int64.max
    private struct Ending: BitwiseCopyable {
        var flow: Flow
        var stamp: UInt32
    }
    private var endings = EventQueue<Ending>()

    /// How many times all rates were computed.
    private(set) var solutions = 0

    /// - Parameters:
    ///   - capacities: of every link, in bytes per second.
    ///   - interval: nanoseconds between two computations of all rates; 0: at every change.
    package init(capacities: [Double], interval: Int64) {
        capacity = capacities
        unclaimed = capacities
        first = Array(repeating: -1, count: capacities.count)
        flowCount = Array(repeating: 0, count: capacities.count)
        carried = Array(repeating: 0, count: capacities.count)
        left = Array(repeating: 0, count: capacities.count)
        open = Array(repeating: 0, count: capacities.count)
        self.interval = interval
    }

    var isExact: Bool { interval == 0 }
    /// Whether the rates are those of the present flows and capacities.
    var isSettled: Bool { !isDirty }
    package func owner(of flow: Flow) -> Owner { owners[Int(flow)] }

    // MARK: Flows

    package mutating func add(from sender: Link, to receiver: Link, bytes: Double, owner: Owner, at now: Int64) -> Flow
    {
        let flow = unused.popLast() ?? makeFlow()
        let index = Int(flow)
        links[2 * index] = sender
        links[2 * index + 1] = receiver
        owners[index] = owner
        remaining[index] = bytes
        total[index] = bytes
        updated[index] = now
        rate[index] = 0
        finish[index] = .max
        stamp[index] &+= 1
        place[index] = Int32(active.count)
        if active.isEmpty, interval > 0 { nextSolve = max(nextSolve, now + interval) }
        active.append(flow)
        enter(2 * index, sender)
        enter(2 * index + 1, receiver)
        if interval == 0 {
            isDirty = true
        } else {
            setRate(index, max(0, min(unclaimed[Int(sender)], unclaimed[Int(receiver)])), at: now)
        }
        return flow
    }

    private mutating func makeFlow() -> Flow {
        let flow = Flow(owners.count)
        links += [0, 0]
        next += [-1, -1]
        previous += [-1, -1]
        owners.append(Owner(kind: .request, slot: 0))
        remaining.append(0)
        total.append(0)
        rate.append(0)
        updated.append(0)
        finish.append(.max)
        stamp.append(0)
        place.append(0)
        settledIn.append(0)
        return flow
    }

    private mutating func enter(_ node: Int, _ link: Link) {
        let head = first[Int(link)]
        next[node] = head
        previous[node] = -1
        if head >= 0 { previous[2 * Int(head) + node & 1] = Flow(node >> 1) }
        first[Int(link)] = Flow(node >> 1)
        flowCount[Int(link)] += 1
    }

    private mutating func leave(_ node: Int, _ link: Link) {
        let after = next[node]
        let before = previous[node]
        if before >= 0 { next[2 * Int(before) + node & 1] = after } else { first[Int(link)] = after }
        if after >= 0 { previous[2 * Int(after) + node & 1] = before }
        flowCount[Int(link)] -= 1
    }

    /// Ends a flow, finished or not.
    package mutating func remove(_ flow: Flow, at now: Int64) {
        let index = Int(flow)
        setRate(index, 0, at: now)
        account(index)
        leave(2 * index, links[2 * index])
        leave(2 * index + 1, links[2 * index + 1])
        stamp[index] &+= 1
        finish[index] = .max
        let last = active.removeLast()
        if last != flow {
            active[Int(place[index])] = last
            place[Int(last)] = place[index]
        }
        unused.append(flow)
        isDirty = true
    }

    /// Lets a finished flow go on with more bytes, without giving its place up.
    package mutating func extend(_ flow: Flow, bytes: Double, at now: Int64) {
        let index = Int(flow)
        setRate(index, rate[index], at: now, force: true)
        account(index)
        remaining[index] = bytes
        total[index] = bytes
        stamp[index] &+= 1
        setRate(index, rate[index], at: now, force: true)
        isDirty = true
    }

    private mutating func account(_ index: Int) {
        let bytes = total[index] - max(0, remaining[index])
        carried[Int(links[2 * index])] += bytes
        carried[Int(links[2 * index + 1])] += bytes
    }

    /// Bytes of the flow's present part that have passed.
    package func passed(_ flow: Flow, at now: Int64) -> Double {
        let index = Int(flow)
        let moved = rate[index] * Double(now - updated[index]) / 1e9
        return min(total[index], total[index] - remaining[index] + moved)
    }

    // MARK: Links

    func capacity(of link: Link) -> Double { capacity[Int(link)] }

    package mutating func setCapacity(_ link: Link, _ value: Double, at now: Int64) {
        unclaimed[Int(link)] += value - capacity[Int(link)]
        capacity[Int(link)] = value
        isDirty = true
        // A change of a link is rare and matters at once.
        if interval > 0 { nextSolve = now }
    }

    /// Bytes that each link has carried until now.
    func carriedByLink(at now: Int64) -> [Double] {
        var sums = carried
        for flow in active {
            let bytes = passed(flow, at: now)
            sums[Int(links[2 * Int(flow)])] += bytes
            sums[Int(links[2 * Int(flow) + 1])] += bytes
        }
        return sums
    }

    /// The largest excess of the rates on a link over its capacity, as a part of the capacity.
    package func largestExcess() -> Double {
        var sums = Array(repeating: 0.0, count: capacity.count)
        for flow in active {
            sums[Int(links[2 * Int(flow)])] += rate[Int(flow)]
            sums[Int(links[2 * Int(flow) + 1])] += rate[Int(flow)]
        }
        var worst = 0.0
        for link in sums.indices { worst = max(worst, (sums[link] - capacity[link]) / max(1, capacity[link])) }
        return worst
    }

    // MARK: Time

    /// When something happens next, as things are; `.max` if nothing does.
    package var nextWake: Int64 {
        if interval == 0 { return nextFinish }
        return active.isEmpty ? .max : min(nextSolve, endings.nextTime)
    }

    /// To be called before time passes. After changes, exact rates have to be computed.
    @inline(__always) package mutating func settle(at now: Int64) {
        if isDirty, interval == 0 { solve(at: now) }
    }

    /// Moves on to `now`, which must be no later than `nextWake`, and appends the flows that finish then. Each has to be
    /// removed or extended by the caller.
    package mutating func advance(to now: Int64, finished: inout [Flow]) {
        if interval == 0 {
            guard nextFinish <= now else { return }
            for flow in active where finish[Int(flow)] <= now { finished.append(flow) }
            nextFinish = .max
            isDirty = true
            return
        }
        if nextSolve <= now {
            nextSolve = now + interval
            endings.removeAll()
            solve(at: now)
        }
        while endings.nextTime <= now, let (_, ending) = endings.pop() {
            if stamp[Int(ending.flow)] == ending.stamp { finished.append(ending.flow) }
        }
    }

    @inline(__always)
    private mutating func setRate(_ index: Int, _ value: Double, at now: Int64, force: Bool = false) {
        let old = rate[index]
        guard force || old != value else { return }
        remaining[index] -= old * Double(now - updated[index]) / 1e9
        updated[index] = now
        rate[index] = value
        unclaimed[Int(links[2 * index])] += old - value
        unclaimed[Int(links[2 * index + 1])] += old - value
        if value > 0 {
            let nanoseconds = (max(0, remaining[index]) / value * 1e9).rounded(.up)
            finish[index] = nanoseconds < 4e18 ? now + Int64(nanoseconds) : .max
        } else {
            finish[index] = remaining[index] <= 0 ? now : .max
        }
        if interval > 0 {
            stamp[index] &+= 1
            if finish[index] < nextSolve {
                endings.push(Ending(flow: Flow(index), stamp: stamp[index]), at: finish[index])
            }
        }
    }

    /// Progressive filling: the link with the least share per flow settles its flows' rates; what they do not take on
    /// their other links is left for the rest there. Shares only grow meanwhile, so an entry of the heap that is out of
    /// date is a lower bound.
    private mutating func solve(at now: Int64) {
        solutions += 1
        round &+= 1
        isDirty = false
        nextFinish = .max
        heap.removeAll(keepingCapacity: true)
        for link in capacity.indices where flowCount[link] > 0 {
            left[link] = capacity[link]
            open[link] = flowCount[link]
            heap.append((capacity[link] / Double(flowCount[link]), Link(link)))
        }
        for index in stride(from: heap.count / 2, through: 0, by: -1) { sink(index) }
        while let top = heap.first {
            let link = Int(top.link)
            let share = open[link] > 0 ? max(0, left[link]) / Double(open[link]) : 0
            if open[link] == 0 {
                let last = heap.removeLast()
                if !heap.isEmpty {
                    heap[0] = last
                    sink(0)
                }
                continue
            }
            if share > top.share * (1 + 1e-9) {
                heap[0].share = share
                sink(0)
                continue
            }
            settleFlows(of: link, rate: share, at: now)
        }
    }

    private mutating func settleFlows(of link: Int, rate share: Double, at now: Int64) {
        var flow = first[link]
        guard flow >= 0 else { return }
        let side = links[2 * Int(flow)] == Link(link) ? 0 : 1
        while flow >= 0 {
            let index = Int(flow)
            if settledIn[index] != round {
                settledIn[index] = round
                let other = Int(links[2 * index + 1 - side])
                left[other] -= share
                open[other] -= 1
                if rate[index] != share {
                    setRate(index, share, at: now)
                } else if interval > 0, finish[index] < nextSolve {
                    // Its entry was thrown away with all the others.
                    endings.push(Ending(flow: flow, stamp: stamp[index]), at: finish[index])
                }
                nextFinish = min(nextFinish, finish[index])
            }
            flow = next[2 * index + side]
        }
        open[link] = 0
    }

    private mutating func sink(_ start: Int) {
        guard start < heap.count else { return }
        var index = start
        let entry = heap[index]
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].share < heap[child].share { child += 1 }
            guard heap[child].share < entry.share else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = entry
    }
}
