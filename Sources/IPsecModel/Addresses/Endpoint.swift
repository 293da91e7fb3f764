/// An address with a UDP port.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// The IP address.
    package var address: IPAddress
    /// The UDP port in host byte order.
    package var port: UInt16

    /// The UDP port `port` at `address`.
    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    package var description: String {
        switch self.address {
        case .v4(let address): return "\(address):\(self.port)"
        case .v6(let address): return "[\(address)]:\(self.port)"
        }
    }
}

/// The two UDP ports of IKE.
package enum IKEPort {
    /// The port of IKE (RFC 7296 §2).
    package static let ike: UInt16 = 500
    /// The port of IKE with a non-ESP marker and of ESP in UDP (RFC 3948 §2).
    package static let natTraversal: UInt16 = 4500
}
