internal import CLinux
internal import IPsecModel

/// What was received: one datagram, or several of one sender that the kernel has joined.
package struct ReceivedSlot: Sendable, BitwiseCopyable {
    /// Where it begins in the memory.
    package var offset = 0
    /// How many bytes it has.
    package var count = 0
    /// The size of all its datagrams but the last, which may be shorter; at least 1 and at most `count`, but 0 for an
    /// empty one.
    package var segmentSize = 0
    /// Who sent it, as we see them.
    package var source = PackedEndpoint(family: .v4, high: 0, low: 0, port: 0)
    /// Where it was sent to: an address of ours.
    package var destination = PackedEndpoint(family: .v4, high: 0, low: 0, port: 0)
    /// The TOS or traffic class of its IP header.
    package var trafficClass: UInt8 = 0
    /// True if it was longer than the slot: the last datagram of it is not whole.
    package var isTruncated = false

    /// An empty slot.
    package init() {}
}

extension PacketSocket {
    /// Receives what is there, the nth into the `slotSize` bytes at n × `slotSize` of `memory`; describes it in `slots`.
    ///
    /// With GRO a slot needs 65,535 bytes to hold all that may come as one. Bare ESP begins behind the IP header.
    ///
    /// - Returns: how many slots were filled, or −errno: EAGAIN if there was nothing.
    package func receive(
        into memory: inout MutableSpan<UInt8>, slotSize: Int, slots: inout MutableSpan<ReceivedSlot>
    ) -> Int {
        guard slotSize > 0 else { return -Int(Errno.invalid) }
        let capacity = min(slots.count, memory.count / slotSize)
        guard capacity > 0 else { return -Int(Errno.invalid) }
        var filled = 0
        while filled < capacity {
            let room = min(capacity - filled, Int(LX_MAXIMUM_SLOTS))
            let count = self.receiveSome(into: &memory, slotSize, &slots, from: filled, room)
            // What goes wrong after a success will go wrong again at the next call.
            if count < 0 { return filled > 0 ? filled : count }
            filled += count
            if count < room { break }
        }
        return filled
    }

    /// One recvmmsg(2), into the slots from `first` on.
    private func receiveSome(
        into memory: inout MutableSpan<UInt8>, _ slotSize: Int, _ slots: inout MutableSpan<ReceivedSlot>,
        from first: Int, _ room: Int
    ) -> Int {
        // Less than 1024 bytes, so this is the stack.
        unsafe withUnsafeTemporaryAllocation(of: lx_slot.self, capacity: Int(LX_MAXIMUM_SLOTS)) { raw in
            let count = self.descriptor.withDescriptor { fd in
                // SAFETY: `room` slots from `first` on lie within the memory, which is ours alone during the call, and
                // there is room to describe as many.
                unsafe memory.withUnsafeMutableBytes { bytes in
                    let start = unsafe bytes.baseAddress?.advanced(by: first * slotSize)
                    return untilUninterrupted {
                        unsafe lx_receive_packets(fd, start, slotSize, raw.baseAddress, Int32(room))
                    }
                }
            }
            guard count > 0 else { return count }
            for index in 0..<count {
                let offset = (first + index) * slotSize
                // SAFETY: the callee has written the first `count`.
                slots[first + index] = self.described(unsafe raw[index], at: offset, memory.span)
            }
            return count
        }
    }

    private func described(_ raw: lx_slot, at offset: Int, _ memory: Span<UInt8>) -> ReceivedSlot {
        var slot = ReceivedSlot()
        slot.offset = offset
        slot.count = Int(raw.count)
        slot.source = PackedEndpoint(
            family: raw.family == 6 ? .v6 : .v4, high: raw.source_high, low: raw.source_low,
            port: self.kind == .udp ? raw.source_port : 0)
        slot.destination =
            raw.destination_family == 0
            ? self.local
            : PackedEndpoint(
                family: raw.destination_family == 6 ? .v6 : .v4, high: raw.destination_high,
                low: raw.destination_low, port: self.local.port)
        slot.trafficClass = raw.traffic_class
        slot.isTruncated = raw.is_truncated != 0
        if self.kind == .rawESP, self.family == .v4 { Self.skipIPHeader(&slot, memory) }
        slot.segmentSize = raw.segment == 0 ? slot.count : min(Int(raw.segment), slot.count)
        return slot
    }

    /// A raw IPv4 socket gives the IP header as well (raw(7)); an IPv6 one does not.
    private static func skipIPHeader(_ slot: inout ReceivedSlot, _ memory: Span<UInt8>) {
        let header = slot.count > 0 ? Int(memory[slot.offset] & 15) * 4 : 0
        // The kernel has checked this, unless the slot was too small.
        guard header >= 20, header <= slot.count else {
            slot.count = 0
            return
        }
        slot.offset += header
        slot.count -= header
    }
}
