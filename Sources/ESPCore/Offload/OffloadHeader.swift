internal import IPsecModel

/// What the kernel says before each packet of a TUN device about work that it left undone, and what we say before ours:
/// `struct virtio_net_hdr` (virtio 1.2 §5.1.6), in the machine's byte order.
package struct OffloadHeader: Hashable, Sendable {
    /// Into which packets a large one is to be cut.
    package enum Segmentation: Hashable, Sendable {
        /// Into none: it is one packet.
        case none
        /// TCP over IPv4.
        case tcp4
        /// TCP over IPv6.
        case tcp6
        /// UDP over either, one datagram in each (USO).
        case udp
        /// What we do not know, such as the fragments of UFO.
        case unknown(UInt8)
    }

    /// Bytes of the structure.
    package static let length = 10

    /// Into what the packet is to be cut.
    package var segmentation = Segmentation.none
    /// Bytes of payload of each of them but the last.
    package var segmentSize = 0
    /// Bytes of all headers, IP included; a hint.
    package var headerLength = 0
    /// Where the transport header begins, if its checksum is only that of the pseudo-header so far.
    package var checksumStart: Int?
    /// Where the checksum lies in the transport header.
    package var checksumOffset = 0

    /// One whole packet with a good checksum.
    package init() {}

    /// The header at `offset`; nil if there is no room for one.
    package init?(_ memory: Span<UInt8>, at offset: Int) {
        guard offset >= 0, memory.count - offset >= Self.length else { return nil }
        // The structure holds numbers in the machine's order, and the loads turn them around.
        func number(_ index: Int) -> Int { Int(UInt16(bigEndian: memory.load16(offset + index))) }
        let flags = memory[offset]
        // The bit 0x80 says that the segments carry congestion marks, which is in their headers as well.
        switch memory[offset + 1] & 0x7f {
        case 0: self.segmentation = .none
        case 1: self.segmentation = .tcp4
        case 4: self.segmentation = .tcp6
        case 5: self.segmentation = .udp
        case let other: self.segmentation = .unknown(other)
        }
        self.headerLength = number(2)
        self.segmentSize = number(4)
        // VIRTIO_NET_HDR_F_NEEDS_CSUM
        self.checksumStart = flags & 1 == 0 ? nil : number(6)
        self.checksumOffset = number(8)
    }

    /// Writes the header at `offset`, where there must be room.
    package func write(to memory: inout MutableSpan<UInt8>, at offset: Int) {
        memory[offset] = self.checksumStart == nil ? 0 : 1
        switch self.segmentation {
        case .none: memory[offset + 1] = 0
        case .tcp4: memory[offset + 1] = 1
        case .tcp6: memory[offset + 1] = 4
        case .udp: memory[offset + 1] = 5
        case .unknown(let number): memory[offset + 1] = number
        }
        self.store(self.headerLength, &memory, at: offset + 2)
        self.store(self.segmentSize, &memory, at: offset + 4)
        self.store(self.checksumStart ?? 0, &memory, at: offset + 6)
        self.store(self.checksumOffset, &memory, at: offset + 8)
    }

    private func store(_ number: Int, _ memory: inout MutableSpan<UInt8>, at offset: Int) {
        memory.store(UInt16(truncatingIfNeeded: number).bigEndian, at: offset)
    }
}
