package import IPsecModel
internal import LinuxIO
internal import Netlink

/// A rule of ours, of three forms:
/// - `not fwmark MARK lookup TABLE priority PRIORITY` leads into our table,
/// - `from ADDRESS lookup main priority PRIORITY` leads past it,
/// - and so does `from ADDRESS ipproto PROTOCOL [sport PORT] lookup main priority PRIORITY`.
package struct RoutingRule: Hashable, Sendable, CustomStringConvertible {
    /// Whom a rule concerns.
    package enum Packets: Hashable, Sendable {
        /// Packets with any other mark, or none.
        case allBut(mark: UInt32)
        /// Packets whose source is this address. Where the source is not chosen yet it is 0, so the rule does not apply.
        case from(IPAddress)
        /// Those of them that are IKE's or ESP's. Ours have a mark and need no rule; but a check of source addresses
        /// (`rp_filter`) looks up the way of an answer to what came in.
        case outer(IPAddress, OuterFlow)
    }

    /// Packets between gateways.
    package enum OuterFlow: Hashable, Sendable, CaseIterable {
        /// UDP 500.
        case ike
        /// UDP 4500, with ESP in it.
        case natTraversal
        /// IP protocol 50.
        case esp

        var ipProtocol: UInt8 { self == .esp ? 50 : 17 }
        var port: UInt16? {
            switch self {
            case .ike: return IKEPort.ike
            case .natTraversal: return IKEPort.natTraversal
            case .esp: return nil
            }
        }
    }

    /// IPv4 or IPv6.
    package let family: AddressFamily
    /// The packets that look into the table.
    package let packets: Packets
    /// The table.
    package let table: UInt32
    /// When the rule is asked.
    package let priority: UInt32

    /// The rule of `family` that leads into our table, with our numbers.
    package init(_ family: AddressFamily, _ numbers: RoutingNumbers) {
        self.family = family
        self.packets = .allBut(mark: numbers.mark)
        self.table = numbers.table
        self.priority = numbers.priority
    }

    /// The rule that leads packets from `source` past our table, with our numbers.
    package init(outside source: IPAddress, _ numbers: RoutingNumbers) {
        self.family = source.family
        self.packets = .from(source)
        self.table = UInt32(RouteNumber.mainTable)
        self.priority = numbers.priorityOutside
    }

    /// The rule that leads answers to `flow` at `source` past our table, with our numbers.
    package init(_ flow: OuterFlow, at source: IPAddress, _ numbers: RoutingNumbers) {
        self.family = source.family
        self.packets = .outer(source, flow)
        self.table = UInt32(RouteNumber.mainTable)
        self.priority = numbers.priorityOutside
    }

    package var description: String {
        let family = self.family == .v4 ? "IPv4" : "IPv6"
        switch self.packets {
        case .allBut: return "\(family) rule \(self.priority) for table \(self.table)"
        case .from(let source):
            return "\(family) rule \(self.priority) from \(source) for table \(self.table)"
        case .outer(let source, let flow):
            let port = flow.port.map { ", port \($0)" } ?? ""
            let packets = "from \(source), protocol \(flow.ipProtocol)\(port)"
            return "\(family) rule \(self.priority) \(packets), for table \(self.table)"
        }
    }

    /// True if a daemon with these numbers made the rule, or an earlier one whose mark was another.
    func isOurs(_ numbers: RoutingNumbers) -> Bool {
        switch self.packets {
        case .allBut: return self.table == numbers.table
        case .from(let source): return self == RoutingRule(outside: source, numbers)
        case .outer(let source, let flow): return self == RoutingRule(flow, at: source, numbers)
        }
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

    /// `struct fib_rule_hdr` and the attributes.
    private func append(to request: NetlinkRequest, action: UInt8, _ origin: UInt8) {
        // The header has room for the numbers of the kernel's own tables only; the others are an attribute.
        let headerTable = UInt8(exactly: self.table)
        request.append(family: self.family)
        switch self.packets {
        case .allBut(let mark):
            request.append(bytes: [0, 0, 0, headerTable ?? 0, 0, 0, action])
            request.append(native: RouteNumber.inverted)
            request.attribute(RuleAttribute.mark, mark)
        case .from(let source), .outer(let source, _):
            let length = UInt8(truncatingIfNeeded: self.family.bitWidth)
            request.append(bytes: [0, length, 0, headerTable ?? 0, 0, 0, action])
            request.append(native: UInt32(0))
            request.attribute(RuleAttribute.source, source)
        }
        request.attribute(RuleAttribute.priority, self.priority)
        if headerTable == nil { request.attribute(RuleAttribute.table, self.table) }
        request.attribute(number: RuleAttribute.origin) { $0.append(bytes: [origin]) }
        guard case .outer(_, let flow) = self.packets else { return }
        request.attribute(number: RuleAttribute.ipProtocol) { $0.append(bytes: [flow.ipProtocol]) }
        guard let port = flow.port else { return }
        request.attribute(number: RuleAttribute.sourcePorts) {
            // `struct fib_rule_port_range`, in the machine's byte order.
            $0.append(native: port)
            $0.append(native: port)
        }
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
        let header = Array(try reader.bytes(7, "fib_rule_hdr"))
        let flags = try reader.native("flags", as: UInt32.self)
        let attributes = try NetlinkAttributes(reader.rest)
        guard let family, attributes[number: RuleAttribute.origin].map({ Array($0) }) == [origin],
            let packets = Packets(attributes, family, sourceLength: header[1], flags: flags)
        else { return nil }
        self.family = family
        self.packets = packets
        self.table = attributes.number(RuleAttribute.table) ?? UInt32(header[3])
        self.priority = attributes.number(RuleAttribute.priority) ?? 0
    }
}

extension RoutingRule.Packets {
    private static func range(_ port: UInt16) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<2 { bytes.appendNative(port) }
        return bytes
    }

    /// Reads which packets a rule concerns; nil if that has another form than ours.
    fileprivate init?(
        _ attributes: NetlinkAttributes, _ family: AddressFamily, sourceLength: UInt8, flags: UInt32
    ) {
        let isInverted = flags & RouteNumber.inverted != 0
        let source = attributes.address(RuleAttribute.source)
        switch (isInverted, attributes.number(RuleAttribute.mark), source) {
        case (true, let mark?, nil): self = .allBut(mark: mark)
        case (false, nil, let source?) where source.family == family && Int(sourceLength) == family.bitWidth:
            let ipProtocol = attributes[number: RuleAttribute.ipProtocol].map { Array($0) }
            let ports = attributes[number: RuleAttribute.sourcePorts].map { Array($0) }
            if ipProtocol == nil, ports == nil {
                self = .from(source)
                return
            }
            let flow = RoutingRule.OuterFlow.allCases.first { flow in
                ipProtocol == [flow.ipProtocol] && ports == flow.port.map { Self.range($0) }
            }
            guard let flow else { return nil }
            self = .outer(source, flow)
        case (_, _, _): return nil
        }
    }
}
