package import IPsecModel

/// An IP packet as the simulation knows it.
package struct Datagram: Hashable, Sendable {
    /// What it carries.
    package enum Kind: Hashable, Sendable {
        /// UDP, with the ports of the endpoints.
        case udp
        /// ESP without UDP; the ports are zero.
        case esp
    }

    /// Who sent it, as far as the packet says.
    package var source: Endpoint
    /// Where it goes.
    package var destination: Endpoint
    /// What it carries.
    package var kind: Kind = .udp
    /// What follows the UDP header, or the ESP packet.
    package var bytes: [UInt8]

    /// A packet from `source` to `destination`.
    package init(source: Endpoint, destination: Endpoint, kind: Kind = .udp, bytes: [UInt8]) {
        self.source = source
        self.destination = destination
        self.kind = kind
        self.bytes = bytes
    }

    /// Octets of the IP header.
    package var ipHeaderLength: Int { self.source.address.family == .v4 ? 20 : 40 }

    /// Octets of the IP packet.
    package var packetLength: Int {
        self.ipHeaderLength + (self.kind == .udp ? 8 : 0) + self.bytes.count
    }

    /// True for IKE messages: on UDP 500, or behind a non-ESP marker.
    package var isIKE: Bool {
        guard self.kind == .udp else { return false }
        if self.source.port == IKEPort.ike || self.destination.port == IKEPort.ike { return true }
        return self.bytes.count > 4 && self.bytes.prefix(4).allSatisfy { $0 == 0 }
    }

    /// True for the single octet that keeps a mapping alive.
    package var isKeepalive: Bool { self.kind == .udp && self.bytes == [0xff] }

    /// The IKE message without its marker, if it is one.
    package var ikeMessage: [UInt8]? {
        guard self.isIKE else { return nil }
        let hasMarker = self.source.port != IKEPort.ike && self.destination.port != IKEPort.ike
        return hasMarker ? Array(self.bytes.dropFirst(4)) : self.bytes
    }
}

/// A machine in the simulation.
package protocol SimHost: AnyObject {
    /// Its own addresses, as it knows them.
    var addresses: [IPAddress] { get }
    /// When `deadlineReached` must be called; nil if it waits for nothing.
    var nextDeadline: Instant? { get }
    /// A packet came.
    func receive(_ datagram: Datagram, on net: SimNet)
    /// Its deadline has come.
    func deadlineReached(on net: SimNet)
}
