internal import IPsecModel

/// Explicit congestion notification: the low two bits of the traffic class (RFC 3168 §5), and what becomes of them in a
/// tunnel (RFC 6040).
package enum ECN: UInt8, Hashable, Sendable, CaseIterable {
    /// Not-ECT: the transport does not know ECN.
    case notECT = 0b00
    /// ECT(1).
    case ect1 = 0b01
    /// ECT(0).
    case ect0 = 0b10
    /// CE: congestion has been met.
    case congestionExperienced = 0b11

    /// The ECN field of a traffic class.
    @inline(__always) package init(trafficClass: UInt8) {
        switch trafficClass & 0b11 {
        case 0b01: self = .ect1
        case 0b10: self = .ect0
        case 0b11: self = .congestionExperienced
        default: self = .notECT
        }
    }

    /// The outer traffic class of a packet with the inner one `inner`: the DSCP is copied (RFC 4301 §5.1.2.1), and so is
    /// ECN, in the normal mode of RFC 6040 §4.1.
    @inline(__always) package static func encapsulated(_ inner: UInt8) -> UInt8 { inner }

    /// The ECN field of a packet that leaves the tunnel, or nil if it must be dropped: its transport would never learn of
    /// the congestion that the outer header reports (RFC 6040 §4.2, figure 4).
    package static func decapsulated(inner: ECN, outer: ECN) -> ECN? {
        switch (inner, outer) {
        case (.notECT, .congestionExperienced): return nil
        case (.notECT, .notECT), (.notECT, .ect0), (.notECT, .ect1): return .notECT
        case (.ect0, .notECT), (.ect0, .ect0): return .ect0
        case (.ect0, .ect1): return .ect1
        case (.ect1, .notECT), (.ect1, .ect0), (.ect1, .ect1): return .ect1
        case (.ect0, .congestionExperienced), (.ect1, .congestionExperienced): return .congestionExperienced
        case (.congestionExperienced, .notECT), (.congestionExperienced, .ect0),
            (.congestionExperienced, .ect1), (.congestionExperienced, .congestionExperienced):
            return .congestionExperienced
        }
    }

    /// Combines the ECN field of a packet that leaves the tunnel with that of its outer header, in place; the DSCP stays
    /// as it was inside (RFC 4301 §5.1.2.1). False if the packet must be dropped.
    ///
    /// The traffic class that `packet` says is that before.
    @inline(__always) package static func apply(
        _ memory: inout MutableSpan<UInt8>, _ packet: InnerPacket, outerTrafficClass: UInt8
    ) -> Bool {
        // Nearly all packets: a path that does not touch ECN, and so says what was copied, or nothing.
        let outer = outerTrafficClass & 0b11
        guard outer != 0, outer != packet.trafficClass & 0b11 else { return true }
        return Self.combine(&memory, packet, outer: ECN(trafficClass: outer))
    }

    private static func combine(
        _ memory: inout MutableSpan<UInt8>, _ packet: InnerPacket, outer: ECN
    ) -> Bool {
        let inner = ECN(trafficClass: packet.trafficClass)
        guard let combined = Self.decapsulated(inner: inner, outer: outer) else { return false }
        if combined != inner { combined.write(&memory, packet) }
        return true
    }

    /// Writes this field into the packet's IP header, and into the checksum of IPv4.
    package func write(_ memory: inout MutableSpan<UInt8>, _ packet: InnerPacket) {
        let start = packet.range.lowerBound
        guard start >= 0, packet.range.upperBound <= memory.count else { return }
        let old = memory.load16(start)  // version, header length, and all of the traffic class
        // IPv6 has the traffic class four bits further to the left (RFC 8200 §3).
        let shift: UInt16 = packet.isIPv6 ? 4 : 0
        let new = old & ~(0b11 << shift) | UInt16(self.rawValue) << shift
        memory.store(new, at: start)
        guard !packet.isIPv6 else { return }
        memory.store(InternetChecksum.update(memory.load16(start + 10), from: old, to: new), at: start + 10)
    }
}
