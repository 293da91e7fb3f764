package import IPsecModel
internal import LinuxIO
internal import Netlink

/// The rule that leads into our table: `not fwmark MARK lookup TABLE priority PRIORITY`.
package struct RoutingRule: Hashable, Sendable, CustomStringConvertible {
    /// IPv4 or IPv6.
    package let family: AddressFamily
    /// Packets with any other mark, or none, look into the table.
    package let mark: UInt32
    /// The table.
    package let table: UInt32
    /// When the rule is asked.
    package let priority: UInt32

    /// The rule of `family` with our numbers.
    package init(_ family: AddressFamily, _ numbers: RoutingNumbers) {
        self.family = family
        self.mark = numbers.mark
        self.table = numbers.table
        self.priority = numbers.priority
    }

    package var description: String {
        let family = self.family == .v4 ? "IPv4" : "IPv6"
        return "\(family) rule \(self.priority) for table \(self.table)"
    }

    /// NEWRULE, which fails if there is such a rule.
    func creation(origin: UInt8) -> NetlinkRequest {
        let request = NetlinkRequest(.newRule, flags: [.acknowledge, .create, .exclusive])
        self.append(to: request, action: RouteNumber.lookUp, origin)
        return request
    }

    /// DELRULE.
    func deletion(origin: UInt8) -> NetlinkRequest {
        let request = NetlinkRequest(.deleteRule)
        self.append(to: request, action: 0, origin)
        return request
    }

    /// `struct fib_rule_hdr`.
    private func append(to request: NetlinkRequest, action: UInt8, _ origin: UInt8) {
        request.append(family: self.family)
        request.append(bytes: [0, 0, 0, 0, 0, 0, action])
        request.append(native: RouteNumber.inverted)
        request.attribute(RuleAttribute.mark, self.mark)
        request.attribute(RuleAttribute.priority, self.priority)
        request.attribute(RuleAttribute.table, self.table)
        request.attribute(number: RuleAttribute.origin) { $0.append(bytes: [origin]) }
    }

    /// GETRULE: all rules of a family.
    static func list(_ family: AddressFamily) -> NetlinkRequest {
        let request = NetlinkRequest(.getRule, flags: .dump)
        request.append(family: family)
        request.appendZeros(11)
        return request
    }

    /// Reads the payload of a NEWRULE message; nil if the rule is not of `origin`, or has another form than ours.
    init?(_ payload: ArraySlice<UInt8>, origin: UInt8) throws(MalformedMessage) {
        var reader = KernelReader(payload)
        let family = AddressFamily(systemNumber: UInt16(try reader.native("family", as: UInt8.self)))
        _ = try reader.bytes(7, "fib_rule_hdr")
        let flags = try reader.native("flags", as: UInt32.self)
        let attributes = try NetlinkAttributes(reader.rest)
        guard let family, flags & RouteNumber.inverted != 0,
            attributes[number: RuleAttribute.origin].map({ Array($0) }) == [origin],
            let mark = attributes.number(RuleAttribute.mark),
            let table = attributes.number(RuleAttribute.table)
        else { return nil }
        self.family = family
        self.mark = mark
        self.table = table
        self.priority = attributes.number(RuleAttribute.priority) ?? 0
    }
}
