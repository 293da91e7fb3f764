package import IPsecModel

/// An address and port for the packet path: made, compared and hashed without touching the heap.
package struct PackedEndpoint: Hashable, Sendable, BitwiseCopyable {
    /// The upper half of the address as a number; 0 for IPv4.
    package let addressHigh: UInt64
    /// The lower half of the address as a number; all of an IPv4 address.
    package let addressLow: UInt64
    /// The UDP port in host byte order; 0 for bare ESP, which has none.
    package let port: UInt16
    /// The family of the address.
    package let family: AddressFamily

    /// The endpoint with these halves of an address.
    init(family: AddressFamily, high: UInt64, low: UInt64, port: UInt16) {
        self.family = family
        self.addressHigh = high
        self.addressLow = low
        self.port = port
    }

    /// The same endpoint as `endpoint`.
    package init(_ endpoint: Endpoint) {
        let number = endpoint.address.number
        self.init(
            family: endpoint.address.family, high: UInt64(truncatingIfNeeded: number >> 64),
            low: UInt64(truncatingIfNeeded: number), port: endpoint.port)
    }

    /// The address without the port.
    package var address: IPAddress {
        IPAddress(family: self.family, number: UInt128(self.addressHigh) << 64 | UInt128(self.addressLow))
    }

    /// The same endpoint in the form that the rest of the program uses.
    package var endpoint: Endpoint { Endpoint(self.address, self.port) }

    /// True if both are the same; inlined, as it is asked for each packet.
    @inlinable package static func == (left: PackedEndpoint, right: PackedEndpoint) -> Bool {
        left.addressLow == right.addressLow && left.addressHigh == right.addressHigh
            && left.port == right.port
            && (left.family == .v6) == (right.family == .v6)
    }

    /// True for 0.0.0.0 and ::.
    package var isUnspecified: Bool { self.addressHigh | self.addressLow == 0 }

    /// True if both have the same address, whatever their ports.
    package func hasSameAddress(as other: PackedEndpoint) -> Bool {
        self.addressLow == other.addressLow && self.addressHigh == other.addressHigh
            && self.family == other.family
    }
}
