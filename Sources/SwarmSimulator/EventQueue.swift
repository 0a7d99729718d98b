/// What is due at which time. Of things due at the same time, the one put in first comes first, so that a run depends on
/// nothing but its scenario.
///
/// A 4-ary heap: its nodes share cache lines, and a queue of a large swarm holds a million entries.
package struct EventQueue<Event: BitwiseCopyable> {
    private struct Entry {
        var time: Int64
        var sequence: UInt64
        var event: Event

        @inline(__always) func isBefore(_ other: Entry) -> Bool {
            time != other.time ? time < other.time : sequence < other.sequence
        }
    }

    private var heap: [Entry] = []
    private var sequence: UInt64 = 0

    package init() {}

    package var count: Int { heap.count }
    /// When the next is due, in nanoseconds; `.max` if there is none.
    package var nextTime: Int64 { heap.first?.time ?? .max }

    package mutating func push(_ event: Event, at time: Int64) {
        sequence += 1
        let entry = Entry(time: time, sequence: sequence, event: event)
        var index = heap.count
        heap.append(entry)
        while index > 0 {
            let parent = (index - 1) / 4
            guard entry.isBefore(heap[parent]) else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = entry
    }

    package mutating func pop() -> (time: Int64, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.time, first.event) }
        var index = 0
        while true {
            let child = 4 * index + 1
            guard child < heap.count else { break }
            var least = child
            for other in child + 1..<max(child + 1, min(child + 4, heap.count))
            where heap[other].isBefore(heap[least]) {
                least = other
            }
            guard heap[least].isBefore(last) else { break }
            heap[index] = heap[least]
            index = least
        }
        heap[index] = last
        return (first.time, first.event)
    }

    package mutating func removeAll() { heap.removeAll(keepingCapacity: true) }
}
