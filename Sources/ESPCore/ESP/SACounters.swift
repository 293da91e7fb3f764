/// What one direction of a CHILD_SA has carried and refused. Numbers wrap: nobody lives that long.
package struct SACounters: Hashable, Sendable {
    /// Packets that got through.
    package var packets: UInt64 = 0
    /// Bytes of inner packets.
    package var bytes: UInt64 = 0
    /// Packets that were seen before.
    package var replayed: UInt64 = 0
    /// Packets too old for the replay window.
    package var late: UInt64 = 0
    /// Packets with a wrong ICV.
    package var badICV: UInt64 = 0
    /// Packets whose inner packet the traffic selectors do not admit (RFC 4301 §5.2).
    package var outsideSelectors: UInt64 = 0
    /// Packets with a good ICV whose text makes no sense.
    package var malformed: UInt64 = 0
    /// The highest sequence number sent or received.
    package var sequenceNumber: UInt64 = 0

    /// All counters at zero.
    package init() {}
}
