internal import IPsecModel

/// A traffic selector, ready to be compared with packets (RFC 4301 §4.4.1.1, RFC 7296 §3.13.1).
struct SelectorMatch: Hashable, Sendable {
    /// How a packet's port is looked at.
    enum Ports: UInt8, Hashable, Sendable {
        /// Any port, and packets without one.
        case any
        /// Packets with a port from `firstPort` to `lastPort`.
        case range
        /// Packets without a port: later fragments, and protocols that have none.
        case opaque
    }

    /// The lowest address.
    let first: PackedAddress
    /// The highest address.
    let last: PackedAddress
    /// The lowest port of `.range`.
    let firstPort: UInt16
    /// The highest port of `.range`.
    let lastPort: UInt16
    /// How ports are looked at.
    let ports: Ports
    /// The protocol, or 0 for any.
    let ipProtocol: UInt8
    /// True for IPv6, false for IPv4.
    let isIPv6: Bool

    /// The same selector as the rest of the program has it.
    init(_ selector: TrafficSelector) {
        self.first = PackedAddress(selector.addresses.first)
        self.last = PackedAddress(selector.addresses.last)
        self.isIPv6 = selector.addresses.first.family == .v6
        self.ipProtocol = selector.ipProtocol
        switch selector.ports {
        case .any: (self.ports, self.firstPort, self.lastPort) = (.any, 0, 65_535)
        case .opaque: (self.ports, self.firstPort, self.lastPort) = (.opaque, 0, 0)
        case .range(let range):
            (self.ports, self.firstPort, self.lastPort) = (.range, range.lowerBound, range.upperBound)
        }
    }

    /// True if the packet's source fits.
    @inline(__always) func admitsSource(_ packet: InnerPacket) -> Bool {
        self.admits(packet, packet.source, packet.rawSourcePort)
    }

    /// True if the packet's destination fits.
    @inline(__always) func admitsDestination(_ packet: InnerPacket) -> Bool {
        self.admits(packet, packet.destination, packet.rawDestinationPort)
    }

    @inline(__always) private func admits(
        _ packet: InnerPacket, _ address: PackedAddress, _ port: UInt16
    ) -> Bool {
        guard packet.isIPv6 == self.isIPv6, self.first <= address, address <= self.last,
            self.ipProtocol == 0 || self.ipProtocol == packet.ipProtocol
        else { return false }
        switch self.ports {
        case .any: return true
        case .range: return packet.hasPorts && self.firstPort <= port && port <= self.lastPort
        case .opaque: return !packet.hasPorts
        }
    }
}
