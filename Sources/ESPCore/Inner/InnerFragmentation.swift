internal import IPsecModel

/// Cuts an IPv4 packet without DF into fragments that fit the tunnel (RFC 791 §3.2), before they are enciphered
/// (RFC 4301 §7 would carry fragments too; what is cut before needs no reassembly at the peer's gateway).
///
///     guard var fragmentation = InnerFragmentation(memory, packet, mtu: 1_400) else { … }
///     while let fragment = fragmentation.next(memory, into: &buffer, at: 0) { … }
///
/// A packet that is a fragment itself is cut further. The transport's checksum must be complete: what a device has left
/// to be computed later could not be computed from a fragment.
package struct InnerFragmentation: Sendable {
    private let packet: Range<Int>
    private let mtu: Int
    private let headerLength: Int
    /// The header without the options that are not copied.
    private let laterHeaderLength: Int
    /// The word of flags and offset that the packet has.
    private let flags: UInt16
    /// Where the payload of the next fragment begins; nil after the last.
    private var position: Int?

    /// Begins with the packet; nil if it cannot be cut: it is IPv6 or has DF, its options are malformed, an offset would
    /// not fit its 13 bits, or `mtu` leaves no room for 8 bytes of payload. A packet that fits gives one fragment.
    package init?(_ memory: Span<UInt8>, _ packet: InnerPacket, mtu: Int) {
        let start = packet.range.lowerBound
        guard !packet.isIPv6, start >= 0, packet.range.upperBound <= memory.count else { return nil }
        let flags = memory.load16(start + 6)
        let headerLength = packet.payloadOffset - start
        let payload = packet.range.count - headerLength
        guard flags & Self.dontFragment == 0, mtu - headerLength >= 8,
            Int(flags & Self.offsetMask) * 8 + payload <= 65_535,
            let copied = Self.copiedOptions(memory, start + 20..<packet.payloadOffset)
        else { return nil }
        self.packet = packet.range
        self.mtu = mtu
        self.headerLength = headerLength
        self.laterHeaderLength = 20 + (copied + 3) / 4 * 4
        self.flags = flags
        self.position = packet.payloadOffset
    }

    /// Writes the next fragment into `buffer` at `offset` and says where it lies; nil after the last, or if the buffer has
    /// no room for it. `memory` is what the packet was given in.
    package mutating func next(
        _ memory: Span<UInt8>, into buffer: inout MutableSpan<UInt8>, at offset: Int
    ) -> Range<Int>? {
        guard let position = self.position, self.packet.upperBound <= memory.count else { return nil }
        let options = self.packet.lowerBound + 20..<self.packet.lowerBound + self.headerLength
        let isFirst = position == options.upperBound
        let header = isFirst ? self.headerLength : self.laterHeaderLength
        let rest = self.packet.upperBound - position
        let isLast = header + rest <= self.mtu
        let payload = isLast ? rest : (self.mtu - header) & ~7
        let length = header + payload
        guard offset >= 0, length <= buffer.count, offset <= buffer.count - length else { return nil }
        buffer.copy(self.packet.lowerBound..<options.lowerBound, of: memory, to: offset)
        if isFirst {
            buffer.copy(options, of: memory, to: offset + 20)
        } else {
            Self.copyOptions(memory, options, into: &buffer, offset + 20..<offset + header)
        }
        buffer.copy(position..<position + payload, of: memory, to: offset + header)
        // `init` has seen to it that the offset has 13 bits. The last fragment ends as the packet does.
        let units = UInt16(truncatingIfNeeded: (position - options.upperBound) / 8)
        let flags = self.flags &+ units | (isLast ? 0 : Self.moreFragments)
        Self.completeHeader(&buffer, offset..<offset + header, length: length, flags: flags)
        self.position = isLast ? nil : position + payload
        return offset..<offset + length
    }

    private static func completeHeader(
        _ buffer: inout MutableSpan<UInt8>, _ header: Range<Int>, length: Int, flags: UInt16
    ) {
        let start = header.lowerBound
        buffer.store(0x40 | UInt8(truncatingIfNeeded: header.count / 4), at: start)
        buffer.store(UInt16(truncatingIfNeeded: length), at: start + 2)  // at most that of the packet
        buffer.store(flags, at: start + 6)
        IPv4Header.storeChecksum(&buffer, header)
    }

    /// Copies the options that all fragments have, one after the other, and fills up with the end of the list.
    private static func copyOptions(
        _ memory: Span<UInt8>, _ options: Range<Int>, into buffer: inout MutableSpan<UInt8>,
        _ room: Range<Int>
    ) {
        for offset in room { buffer[offset] = 0 }
        var offset = options.lowerBound
        var place = room.lowerBound
        while let option = Self.option(memory, offset..<options.upperBound), !option.isEmpty {
            offset = option.upperBound
            guard memory[option.lowerBound] & Self.copyFlag != 0 else { continue }
            guard option.count <= room.upperBound - place else { return }
            buffer.copy(option, of: memory, to: place)
            place += option.count
        }
    }

    /// Bytes of the options that all fragments have, or nil if the list is malformed.
    private static func copiedOptions(_ memory: Span<UInt8>, _ options: Range<Int>) -> Int? {
        var offset = options.lowerBound
        var length = 0
        while true {
            guard let option = Self.option(memory, offset..<options.upperBound) else { return nil }
            guard !option.isEmpty else { return length }
            if memory[option.lowerBound] & Self.copyFlag != 0 { length += option.count }
            offset = option.upperBound
        }
    }

    /// The option at the beginning of `options`, empty at the end of the list; nil if it is malformed.
    private static func option(_ memory: Span<UInt8>, _ options: Range<Int>) -> Range<Int>? {
        let start = options.lowerBound
        guard !options.isEmpty, memory[start] != 0 else { return start..<start }
        guard memory[start] != 1 else { return start..<start + 1 }  // no operation
        guard options.count >= 2 else { return nil }
        let length = Int(memory[start + 1])
        guard length >= 2, length <= options.count else { return nil }
        return start..<start + length
    }

    private static let dontFragment: UInt16 = 0x4000
    private static let moreFragments: UInt16 = 0x2000
    private static let offsetMask: UInt16 = 0x1fff
    /// Options with this bit are in all fragments (RFC 791 §3.1).
    private static let copyFlag: UInt8 = 0x80
}
