/// Values in numbered slots that are used again. The stamp of a slot changes when its value is removed, so that an event
/// about a value that is gone can be told.
struct Pool<Value> {
    private var values: [Value?] = []
    private var stamps: [UInt32] = []
    private var unused: [Int32] = []

    /// A slot together with its stamp.
    struct Key: BitwiseCopyable, Hashable {
        let slot: Int32
        let stamp: UInt32
    }

    var count: Int { values.count - unused.count }

    mutating func insert(_ value: Value) -> Key {
        if let slot = unused.popLast() {
            values[Int(slot)] = value
            return Key(slot: slot, stamp: stamps[Int(slot)])
        }
        values.append(value)
        stamps.append(0)
        return Key(slot: Int32(values.count - 1), stamp: 0)
    }

    func contains(_ key: Key) -> Bool { stamps[Int(key.slot)] == key.stamp && values[Int(key.slot)] != nil }

    /// The key of the value that is in a slot now.
    func key(at slot: Int32) -> Key { Key(slot: slot, stamp: stamps[Int(slot)]) }

    /// The value of a key that is contained.
    // swift-format-ignore: NeverForceUnwrap
    subscript(key: Key) -> Value {
        // The callers look up only what they have checked to be there or are the owners of.
        @inline(__always) get { values[Int(key.slot)]! }
        @inline(__always) _modify { yield &values[Int(key.slot)]! }
    }

    func ifPresent(_ key: Key) -> Value? { stamps[Int(key.slot)] == key.stamp ? values[Int(key.slot)] : nil }

    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        guard stamps[Int(key.slot)] == key.stamp, let value = values[Int(key.slot)] else { return nil }
        values[Int(key.slot)] = nil
        stamps[Int(key.slot)] &+= 1
        unused.append(key.slot)
        return value
    }
}
