package import IPsecModel

// Notifies of MOBIKE whose data has a shape (RFC 4555 §4.2).
extension NotifyPayload {
    /// A further address of the sender: ADDITIONAL_IP4_ADDRESS or ADDITIONAL_IP6_ADDRESS (RFC 4555 §4.2.2).
    package init(additionalAddress address: IPAddress) {
        switch address {
        case .v4: self.init(.additionalIP4Address, data: address.bytes)
        case .v6: self.init(.additionalIP6Address, data: address.bytes)
        }
    }

    /// The address of such a notify; nil for another one, and for data that is none.
    package var additionalAddress: IPAddress? {
        let family: AddressFamily
        switch self.type {
        case .additionalIP4Address: family = .v4
        case .additionalIP6Address: family = .v6
        default: return nil
        }
        guard let address = IPAddress(bytes: self.data), address.family == family else { return nil }
        return address
    }

    /// NO_NATS_ALLOWED: between which addresses and ports the sender believes that the packet travels (RFC 4555 §4.2.6).
    /// Both ends are of one family.
    package init(noNATsAllowedFrom source: Endpoint, to destination: Endpoint) {
        var writer = WireWriter()
        writer.bytes(source.address.bytes)
        writer.bytes(destination.address.bytes)
        writer.integer(source.port)
        writer.integer(destination.port)
        self.init(.noNATsAllowed, data: writer.octets)
    }

    /// True if this is a NO_NATS_ALLOWED, and its packet did travel from `source` to `destination`.
    package func allows(from source: Endpoint, to destination: Endpoint) -> Bool {
        self.type == .noNATsAllowed
            && self.data == NotifyPayload(noNATsAllowedFrom: source, to: destination).data
    }

    /// Octets that a COOKIE2 may have (RFC 4555 §4.2.5).
    package static let cookie2Lengths = 8...64
}
