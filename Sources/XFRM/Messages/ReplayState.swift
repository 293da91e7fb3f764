internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// How far an SA has counted, and which packets it has seen.
struct ReplayState: Hashable {
    /// The sequence number last sent.
    var outbound: UInt64 = 0
    /// The highest sequence number received.
    var inbound: UInt64 = 0
    /// Packets that the window spans; only the long form says it.
    var window: UInt32 = 0
    /// What was seen, in the kernel's own arrangement; one word in the short form.
    var bitmap: [UInt32] = []

    /// True if the counters have 64 bits.
    ///
    /// In the long form without ESN the upper halves stay zero, and the kernel stops at 32 bits by itself.
    var isLong: Bool { self.window > 0 }

    /// A state that has neither sent nor received, with room for a window of `window` packets.
    init(window: UInt32) {
        self.window = window
    }

    /// Reads `struct xfrm_replay_state`.
    init(short bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(bytes)
        self.outbound = UInt64(try reader.native("oseq", as: UInt32.self))
        self.inbound = UInt64(try reader.native("seq", as: UInt32.self))
        self.bitmap = [try reader.native("bitmap")]
    }

    /// Reads `struct xfrm_replay_state_esn`.
    init(long bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(bytes)
        let words = try reader.native("bmp_len", as: UInt32.self)
        let low = (try reader.native("oseq", as: UInt32.self), try reader.native("seq", as: UInt32.self))
        let high = (
            try reader.native("oseq_hi", as: UInt32.self), try reader.native("seq_hi", as: UInt32.self)
        )
        self.outbound = UInt64(high.0) << 32 | UInt64(low.0)
        self.inbound = UInt64(high.1) << 32 | UInt64(low.1)
        self.window = try reader.native("replay_window")
        guard words <= XFRMNumber.largestReplayWindow / 32 else { throw MalformedMessage(field: "bmp_len") }
        for _ in 0..<words { self.bitmap.append(try reader.native("bmp")) }
    }

    /// Appends `struct xfrm_replay_state`.
    func appendShort(to request: NetlinkRequest) {
        request.append(native: UInt32(truncatingIfNeeded: self.outbound))
        request.append(native: UInt32(truncatingIfNeeded: self.inbound))
        request.append(native: self.bitmap.first ?? 0)
    }

    /// Appends `struct xfrm_replay_state_esn`; without a bitmap the kernel begins with an empty one.
    func appendLong(to request: NetlinkRequest) {
        request.append(native: (self.window + 31) / 32)
        request.append(native: UInt32(truncatingIfNeeded: self.outbound))
        request.append(native: UInt32(truncatingIfNeeded: self.inbound))
        request.append(native: UInt32(truncatingIfNeeded: self.outbound >> 32))
        request.append(native: UInt32(truncatingIfNeeded: self.inbound >> 32))
        request.append(native: self.window)
        for word in self.bitmap { request.append(native: word) }
    }
}

/// `struct xfrm_lifetime_cur`: what an SA has carried, and since when.
struct LifetimeCounters: Hashable {
    var bytes: UInt64 = 0
    var packets: UInt64 = 0
    /// Seconds since 1970 of the installation. Of several states that fit, the kernel sends with the one in
    /// which this is largest.
    var addedAt: UInt64
    /// Seconds since 1970 of the first packet, 0 before it.
    var firstUsedAt: UInt64 = 0

    /// Counters of a state that has carried nothing.
    init(addedAt: UInt64) {
        self.addedAt = addedAt
    }

    /// Reads the structure.
    init(_ reader: inout KernelReader) throws(MalformedMessage) {
        self.bytes = try reader.native("curlft.bytes")
        self.packets = try reader.native("curlft.packets")
        self.addedAt = try reader.native("curlft.add_time")
        self.firstUsedAt = try reader.native("curlft.use_time")
    }

    /// Appends the structure.
    func append(to request: NetlinkRequest) {
        for number in [self.bytes, self.packets, self.addedAt, self.firstUsedAt] {
            request.append(native: number)
        }
    }
}
