internal import IPsecModel

/// The four zero octets before an IKE message on UDP 4500, where an ESP packet has its SPI (RFC 3948 §2.2).
package enum NonESPMarker {
    /// The marker.
    package static let octets: [UInt8] = [0, 0, 0, 0]

    /// `message` with the marker before it.
    package static func add(to message: [UInt8]) -> [UInt8] { self.octets + message }

    /// What follows the marker, or nil if `datagram` does not begin with it.
    package static func strip(_ datagram: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        datagram.starts(with: self.octets) ? datagram.dropFirst(self.octets.count) : nil
    }
}

/// What a datagram on UDP 4500 is (RFC 3948 §2).
package enum NATTraversalDatagram: Hashable, Sendable {
    /// One octet 0xFF: keeps a NAT's mapping alive, and is to be ignored.
    case keepalive
    /// An IKE message, its marker removed.
    case ike(ArraySlice<UInt8>)
    /// An ESP packet: the first four octets are an SPI.
    case esp
    /// Too short to be any of them.
    case tooShort

    /// Tells what `datagram` is.
    package static func classify(_ datagram: ArraySlice<UInt8>) -> NATTraversalDatagram {
        switch EncapsulatedDatagram(datagram.span, 0..<datagram.count) {
        case .keepalive: return .keepalive
        case .runt: return .tooShort
        case .ike: return .ike(datagram.dropFirst(NonESPMarker.octets.count))
        case .esp: return .esp
        }
    }
}
