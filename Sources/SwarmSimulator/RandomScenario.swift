import MinionCore
import Swarm

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Scenario {
    /// A small swarm drawn from a seed, in which anything may go wrong: rates 50 times apart, delays up to 100 ms, hosts
    /// that come late, die, vanish, stall, lie, damage what they send, do not upload or may not read the source; a
    /// source that fails, changes, slows down or knows no ranges; a tracker that restarts or cannot be reached.
    package static func random(seed: UInt64) -> Scenario {
        var draw = Draw(seed: seed)
        let pieceSize = Int64(64 << 10) << Int64.random(in: 0...2, using: &draw.random)
        let size = draw.size(pieceSize: pieceSize)
        let medium = draw.logarithmic(1e6, 50e6)
        let count = Int(draw.logarithmic(1, 41))
        var plans: [HostPlan] = []
        // What goes wrong does so while there is something to disturb.
        let span = 0.2 + 3 * Double(size) / medium
        for _ in 0..<count { plans.append(draw.host(medium: medium, span: span)) }
        var scenario = Scenario(seed: seed, size: size, hosts: plans)
        scenario.pieceSize = pieceSize
        scenario.source = draw.source(medium: medium, span: span, size: size)
        scenario.tracker = draw.tracker(span: span)
        if draw.chance(0.2) { scenario.neighbours = Int.random(in: 1...6, using: &draw.random) }
        if draw.chance(0.2) {
            scenario.uploadLimits = UploadQueue.Limits(
                slots: Int.random(in: 1...4, using: &draw.random), waiting: Int.random(in: 0...8, using: &draw.random))
        }
        var places = Draw(seed: ~seed)
        places.place(&scenario.hosts)
        if places.chance(0.15) { scenario.hosts[0].hold(places.content()) }
        scenario.setDeadline()
        return scenario
    }

    /// The same without a source: the first host, and perhaps others, share a file, or two different ones.
    package static func randomShared(seed: UInt64) -> Scenario {
        var scenario = random(seed: seed &+ 0x5A5A)
        var draw = Draw(seed: seed)
        scenario.source = SourcePlan()
        scenario.source.isAbsent = true
        let span = 0.2 + 3 * Double(scenario.size) / scenario.hosts[0].up.bytesPerSecond
        let hasOther = draw.chance(0.3)
        if hasOther { scenario.source.faults = [Timed(.changes(size: scenario.size / 2 + 1), at: .zero)] }
        for index in scenario.hosts.indices {
            scenario.hosts[index].holds = nil
            scenario.hosts[index].canFetch = draw.chance(0.3)
            guard index == 0 || draw.chance(0.1) else { continue }
            var content = HeldContent()
            content.isSigned = draw.chance(0.3)
            content.version = hasOther && index > 0 && draw.chance(0.5) ? 1 : 0
            scenario.hosts[index].hold(content)
            // The second version is there only once the run has begun.
            scenario.hosts[index].start = max(draw.time(span), .milliseconds(1))
        }
        scenario.setDeadline()
        return scenario
    }

    private mutating func setDeadline() {
        let bound = Bound(size: size, sourceUp: source.up, hosts: hosts)
        deadline = lastChange + .inSeconds(180 + 60 * bound.time.inSeconds)
    }
}

extension HostPlan {
    /// Makes it one that has everything from the start and serves it.
    fileprivate mutating func hold(_ content: HeldContent) {
        holds = content
        (canUpload, lies, corrupts) = (true, false, false)
    }
}

/// The draws of one random scenario.
private struct Draw {
    var random: SeededGenerator
    /// Half of the scenarios have few faults, so that every fault is also seen by itself.
    var density: Double

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed &* 0x9E37_79B9 ^ 0xA5A5)
        density = 1
        density = chance(0.25) ? 0 : chance(0.33) ? 0.3 : 1
    }

    mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &random) < probability }
    mutating func fault(_ probability: Double) -> Bool { chance(probability * density) }

    /// A number whose logarithm is evenly spread.
    mutating func logarithmic(_ low: Double, _ high: Double) -> Double {
        low * pow(high / low, Double.random(in: 0..<1, using: &random))
    }

    mutating func time(_ span: Double) -> Duration { .inSeconds(Double.random(in: 0..<span, using: &random)) }

    mutating func size(pieceSize: Int64) -> Int64 {
        switch Int.random(in: 0..<20, using: &random) {
        case 0: 0
        case 1: 1
        case 2: pieceSize - 1
        case 3: pieceSize
        case 4: pieceSize + 1
        default: Int64(logarithmic(1, 300) * Double(pieceSize)) + Int64.random(in: -1...1, using: &random)
        }
    }

    mutating func rate(_ medium: Double) -> ByteRate {
        ByteRate(bytesPerSecond: chance(0.3) ? medium : logarithmic(medium / 7, medium * 7))
    }

    /// Makes some hosts seeds, and puts them all somewhere.
    mutating func place(_ hosts: inout [HostPlan]) {
        let places = ["", "a|b|c", "a|b|d", "a|e", "f"].prefix(Int.random(in: 1...5, using: &random))
        let seeds = chance(0.5) ? 0 : 0.15
        for index in hosts.indices {
            hosts[index].location = places.randomElement(using: &random) ?? ""
            hosts[index].site = chance(0.5) ? hosts[index].location : ""
            hosts[index].isSeed = chance(seeds)
        }
    }

    mutating func content() -> HeldContent {
        var content = HeldContent()
        content.freshSeconds = chance(0.5) ? 0 : nil
        content.isSigned = chance(0.5)
        content.lacks = chance(0.2) ? 1 : 0
        return content
    }

    mutating func host(medium: Double, span: Double) -> HostPlan {
        var plan = HostPlan(up: rate(medium), down: rate(medium), delay: .inSeconds(logarithmic(1e-5, 0.05)))
        if fault(0.1) {
            plan.up = ByteRate(bytesPerSecond: plan.up.bytesPerSecond / 10)
            plan.down = ByteRate(bytesPerSecond: plan.down.bytesPerSecond / 10)
        }
        if fault(0.2) { plan.start = time(2 * span) }
        plan.canFetch = !fault(0.15)
        plan.canUpload = !fault(0.1)
        plan.inOrder = chance(0.1)
        plan.lies = fault(0.04)
        plan.corrupts = fault(0.04)
        let start = plan.start
        if fault(0.08) {
            plan.faults.append(Timed(.dies, at: start + time(span)))
        } else if fault(0.06) {
            plan.faults.append(Timed(.vanishes, at: start + time(span)))
        } else if fault(0.04) {
            plan.faults.append(Timed(.leaves, at: start + time(span)))
        }
        if let gone = plan.faults.last, chance(0.5) {
            plan.faults.append(Timed(.restarts, at: gone.at + time(2 * span)))
        }
        if fault(0.05) {
            let begin = start + time(span)
            plan.faults.append(Timed(.stalls, at: begin))
            if chance(0.5) { plan.faults.append(Timed(.recovers, at: begin + time(2 * span))) }
        }
        return plan
    }

    mutating func source(medium: Double, span: Double, size: Int64) -> SourcePlan {
        var plan = SourcePlan()
        plan.up = rate(medium)
        plan.delay = .inSeconds(logarithmic(1e-5, 0.05))
        plan.hasRanges = !fault(0.1)
        plan.hasLength = !fault(0.06)
        if fault(0.12) {
            let begin = time(span)
            let kinds: [SourceFailure.Kind] = [.connection, .busy, .busy, .refused]
            plan.faults.append(Timed(.fails(kinds[Int.random(in: 0..<4, using: &random)]), at: begin))
            if chance(0.8) { plan.faults.append(Timed(.recovers, at: begin + time(span + 2))) }
        }
        if fault(0.08) {
            let other = max(0, size + Int64.random(in: -100_000...100_000, using: &random))
            plan.faults.append(Timed(.changes(size: chance(0.5) ? size : other), at: time(span)))
        }
        if fault(0.1) {
            let begin = time(span)
            let factors = [0.5, 0.1, 0.02, 0]
            plan.faults.append(Timed(.slows(factors[Int.random(in: 0..<4, using: &random)]), at: begin))
            plan.faults.append(Timed(.slows(1), at: begin + time(span + 5)))
        }
        return plan
    }

    mutating func tracker(span: Double) -> TrackerPlan {
        var plan = TrackerPlan()
        plan.delay = .inSeconds(logarithmic(1e-5, 0.05))
        if fault(0.12) { plan.faults.append(Timed(.restarts, at: time(span))) }
        if fault(0.12) {
            let begin = time(span)
            plan.faults.append(Timed(chance(0.5) ? .closes : .hangs, at: begin))
            if chance(0.8) { plan.faults.append(Timed(.recovers, at: begin + time(span + 5))) }
        }
        return plan
    }
}
