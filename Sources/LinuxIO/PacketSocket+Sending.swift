internal import CLinux
internal import IPsecModel

/// How far sending got.
package struct SendResult: Hashable, Sendable, BitwiseCopyable {
    /// How many datagrams the kernel took.
    package var datagrams: Int
    /// Why it took no more; 0 if it took all.
    package var errno: Int32

    /// `datagrams` were taken, and then came `errno`.
    package init(datagrams: Int, errno: Int32) {
        self.datagrams = datagrams
        self.errno = errno
    }

    /// True if the kernel had no room, or no memory: the rest may be tried again.
    package var wouldBlock: Bool { self.errno == Errno.again || self.errno == Errno.noBufferSpace }

    /// True if the kernel refused to cut datagrams: the device cannot compute their checksums, or they are longer than
    /// the path's MTU. `PacketSocket.sendSingly` may still bring them through.
    package var isRefusedSegmentation: Bool {
        self.errno == Errno.inputOutput || self.errno == Errno.invalid || self.errno == Errno.messageTooLong
    }
}

extension PacketSocket {
    /// How many datagrams the kernel cuts from one (UDP_MAX_SEGMENTS of the kernels that have the fewest).
    package static let maximumSegments = 64

    /// Sends `range` of `memory` as datagrams of `segmentSize` bytes, the last of which may be shorter: by one system
    /// call and as one packet if the kernel can (then it takes all or none), else by `sendSingly`.
    ///
    /// - Parameters:
    ///   - memory: where the bytes are.
    ///   - range: at most `maximumSegments` datagrams and 65,507 bytes (IPv4; the kernel refuses more with EMSGSIZE).
    ///   - segmentSize: at least 1; as much as the range or more sends one datagram.
    ///   - source: the address to send from, of this host; unspecified if the kernel may choose. The port is always
    ///     the socket's.
    ///   - destination: the other end; its port plays no part for bare ESP. A connected socket knows both ends.
    ///   - trafficClass: the TOS or traffic class of the IP header; 0 for the socket's.
    /// - Returns: how many datagrams went, and why no more.
    package func send(
        _ memory: Span<UInt8>, _ range: Range<Int>, segmentSize: Int, from source: PackedEndpoint,
        to destination: PackedEndpoint, trafficClass: UInt8
    ) -> SendResult {
        if segmentSize < range.count, !self.offloads.contains(.gso) {
            return self.sendSingly(
                memory, range, segmentSize: segmentSize, from: source, to: destination,
                trafficClass: trafficClass)
        }
        guard self.isValid(memory, range, segmentSize, source, destination) else {
            return SendResult(datagrams: 0, errno: Errno.invalid)
        }
        let isCut = segmentSize < range.count
        guard let segment = UInt16(exactly: isCut ? segmentSize : 0) else {
            return SendResult(datagrams: 0, errno: Errno.messageTooLong)
        }
        var route = self.route(source, destination, trafficClass)
        let result = self.descriptor.withDescriptor { fd in
            // SAFETY: the range lies within the memory, which is read during the call; so is `route`.
            unsafe memory.withUnsafeBytes { bytes in
                let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
                return untilUninterrupted {
                    unsafe lx_send_packet(fd, part.baseAddress, part.count, segment, &route)
                }
            }
        }
        guard result >= 0 else {
            return SendResult(datagrams: 0, errno: Int32(truncatingIfNeeded: -result))
        }
        return SendResult(
            datagrams: isCut ? (range.count + segmentSize - 1) / segmentSize : 1, errno: 0)
    }

    /// The same as `send`, but each datagram is a packet of its own from the beginning, and some may go and others not.
    package func sendSingly(
        _ memory: Span<UInt8>, _ range: Range<Int>, segmentSize: Int, from source: PackedEndpoint,
        to destination: PackedEndpoint, trafficClass: UInt8
    ) -> SendResult {
        guard self.isValid(memory, range, segmentSize, source, destination) else {
            return SendResult(datagrams: 0, errno: Errno.invalid)
        }
        var route = self.route(source, destination, trafficClass)
        var sent = SendResult(datagrams: 0, errno: 0)
        var start = range.lowerBound
        while start < range.upperBound {
            let result = self.descriptor.withDescriptor { fd in
                // SAFETY: the rest of the range lies within the memory, which is read during the call; so is `route`.
                unsafe memory.withUnsafeBytes { bytes in
                    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<range.upperBound])
                    return untilUninterrupted {
                        unsafe lx_send_packets(fd, part.baseAddress, part.count, segmentSize, &route)
                    }
                }
            }
            // The call ends at the first datagram that fails, and says why when that is the first of all.
            guard result > 0 else {
                sent.errno = result < 0 ? Int32(truncatingIfNeeded: -result) : Errno.again
                return sent
            }
            sent.datagrams += result
            start = segmentSize < range.upperBound - start ? start + result * segmentSize : range.upperBound
        }
        return sent
    }

    private func isValid(
        _ memory: Span<UInt8>, _ range: Range<Int>, _ segmentSize: Int, _ source: PackedEndpoint,
        _ destination: PackedEndpoint
    ) -> Bool {
        range.lowerBound >= 0 && range.upperBound <= memory.count && !range.isEmpty && segmentSize > 0
            && source.family == self.family && destination.family == self.family
    }

    private func route(
        _ source: PackedEndpoint, _ destination: PackedEndpoint, _ trafficClass: UInt8
    ) -> lx_route {
        lx_route(
            source_high: source.addressHigh, source_low: source.addressLow,
            destination_high: destination.addressHigh, destination_low: destination.addressLow,
            // An IPv6 raw socket refuses a port that is not the protocol.
            destination_port: self.kind == .udp ? destination.port : 0, family: self.family.number,
            traffic_class: trafficClass, is_connected: self.isConnected ? 1 : 0)
    }
}
