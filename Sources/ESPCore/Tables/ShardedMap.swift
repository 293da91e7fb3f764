/// A dictionary that is cheap to change although others hold older copies of it.
///
/// The control thread changes its copy and hands it to a worker as a whole; the worker reads its own until it takes the
/// next. A plain dictionary would be copied entirely at each change: here only the part that has the key is.
package struct ShardedMap<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private static var width: Int { 256 }

    private var shards: [[Key: Value]] = Array(repeating: [:], count: Self.width)
    /// How many keys there are.
    package private(set) var count = 0

    /// An empty map.
    package init() {}

    /// The value of `key`.
    package subscript(_ key: Key) -> Value? {
        get { self.shards[Self.shard(key)][key] }
        set {
            let shard = Self.shard(key)
            let old = self.shards[shard].removeValue(forKey: key)
            if let newValue { self.shards[shard][key] = newValue }
            self.count += (newValue == nil ? 0 : 1) - (old == nil ? 0 : 1)
        }
    }

    /// All values, in no order.
    package var values: [Value] { self.shards.flatMap(\.values) }

    private static func shard(_ key: Key) -> Int {
        Int(UInt(bitPattern: key.hashValue) >> 7) & (Self.width - 1)
    }
}
