/// Addresses from first to last, both included and of one family.
package struct AddressRange: Hashable, Sendable {
    /// The lowest address.
    package let first: IPAddress
    /// The highest address.
    package let last: IPAddress

    /// The range, or nil if the families differ or it is empty.
    package init?(_ first: IPAddress, _ last: IPAddress) {
        guard first.family == last.family, first <= last else { return nil }
        self.first = first
        self.last = last
    }

    /// All addresses of `prefix`.
    package init(_ prefix: IPPrefix) {
        self.first = prefix.address
        self.last = prefix.last
    }

    /// The addresses in both ranges, or nil if there are none.
    package func intersection(_ other: AddressRange) -> AddressRange? {
        AddressRange(max(self.first, other.first), min(self.last, other.last))
    }

    /// True if each address of `other` is in this range.
    package func contains(_ other: AddressRange) -> Bool {
        self.first.family == other.first.family && self.first <= other.first && other.last <= self.last
    }

    /// The range as one block, or nil if it is not one.
    package var prefix: IPPrefix? {
        let width = self.first.family.bitWidth
        let difference = self.first.number ^ self.last.number
        let length = width - (128 - difference.leadingZeroBitCount)
        guard let prefix = IPPrefix(self.first, length: length) else { return nil }
        return AddressRange(prefix) == self ? prefix : nil
    }
}

/// The ports that a traffic selector takes in (RFC 7296 §3.13.1).
package enum PortSelector: Hashable, Sendable {
    /// From the first to the last port, both included. For ICMP, type × 256 + code.
    case range(ClosedRange<UInt16>)
    /// OPAQUE: packets without a port, such as fragments; on the wire 65535 to 0.
    case opaque

    /// All ports, and packets without one.
    package static let any = PortSelector.range(0...65_535)

    /// What both take in, or nil if that is nothing. "Any" takes in OPAQUE.
    package func intersection(_ other: PortSelector) -> PortSelector? {
        switch (self, other) {
        case (.range(let a), .range(let b)):
            let low = max(a.lowerBound, b.lowerBound)
            let high = min(a.upperBound, b.upperBound)
            return low <= high ? .range(low...high) : nil
        case (.opaque, .opaque): return .opaque
        case (.opaque, let ports), (let ports, .opaque): return ports == .any ? .opaque : nil
        }
    }
}

/// Packets that a CHILD_SA carries, by one of their ends (RFC 7296 §3.13.1).
package struct TrafficSelector: Hashable, Sendable {
    /// IP protocol number; 0 means any.
    package let ipProtocol: UInt8
    /// The ports of this end.
    package let ports: PortSelector
    /// The addresses of this end.
    package let addresses: AddressRange

    /// The selector of these three.
    package init(ipProtocol: UInt8 = 0, ports: PortSelector = .any, addresses: AddressRange) {
        self.ipProtocol = ipProtocol
        self.ports = ports
        self.addresses = addresses
    }

    /// All packets of `prefix`.
    package init(_ prefix: IPPrefix) {
        self.init(addresses: AddressRange(prefix))
    }

    /// The packets that both take in, or nil if there are none.
    package func intersection(_ other: TrafficSelector) -> TrafficSelector? {
        guard self.ipProtocol == other.ipProtocol || self.ipProtocol == 0 || other.ipProtocol == 0 else {
            return nil
        }
        guard let ports = self.ports.intersection(other.ports),
            let addresses = self.addresses.intersection(other.addresses)
        else { return nil }
        return TrafficSelector(
            ipProtocol: max(self.ipProtocol, other.ipProtocol), ports: ports, addresses: addresses)
    }

    /// True if each packet of `other` is one of this selector.
    package func contains(_ other: TrafficSelector) -> Bool {
        self.intersection(other) == other
    }
}

extension TrafficSelector: CustomStringConvertible {
    /// `10.1.0.0/24`, `10.0.0.1-10.0.0.9`, with `[6/443]` behind it where protocol or ports are limited.
    package var description: String {
        let range = self.addresses
        let text = range.prefix.map(\.description) ?? "\(range.first)-\(range.last)"
        guard self.ipProtocol != 0 || self.ports != .any else { return text }
        let ipProtocol = self.ipProtocol == 0 ? "any" : String(self.ipProtocol)
        switch self.ports {
        case .any: return "\(text)[\(ipProtocol)]"
        case .opaque: return "\(text)[\(ipProtocol)/opaque]"
        case .range(let ports) where ports.count == 1: return "\(text)[\(ipProtocol)/\(ports.lowerBound)]"
        case .range(let ports):
            return "\(text)[\(ipProtocol)/\(ports.lowerBound)-\(ports.upperBound)]"
        }
    }
}
