internal import IPsecModel

/// Readers of `local_ts` and `remote_ts`.
enum SelectorList {
    /// One item: `dynamic`, an address, a block or a range, and optionally `[protocol/port]` behind it.
    static func selector(_ item: LocatedText) throws(ValueFault) -> ConfiguredSelector {
        let (place, limits) = try Self.parts(of: item)
        let (ipProtocol, ports) = try limits.map(Self.limits) ?? (0, .any)
        if place.string == "dynamic" { return .dynamic(ipProtocol: ipProtocol, ports: ports) }
        guard let addresses = try AddressList.range(place) else {
            throw ValueFault(place, "\(place.quoted) is neither 'dynamic' nor an address, block or range")
        }
        return .fixed(TrafficSelector(ipProtocol: ipProtocol, ports: ports, addresses: addresses))
    }

    /// What stands before the bracket, and what stands in it.
    static func parts(
        of item: LocatedText
    ) throws(ValueFault) -> (place: LocatedText, limits: LocatedText?) {
        let bytes = Array(item.bytes)
        guard let open = bytes.firstIndex(of: UInt8(ascii: "[")) else { return (item, nil) }
        guard bytes.last == UInt8(ascii: "]") else {
            throw ValueFault(item, "\(item.quoted) lacks the ']' at its end")
        }
        let limits = item.part(open + 1..<bytes.count - 1)
        return (item.split(on: UInt8(ascii: "["))[0], limits)
    }

    /// `tcp/443`, `6/443`, `udp`, `17/1000-2000`, `udp/opaque`.
    private static func limits(_ text: LocatedText) throws(ValueFault) -> (UInt8, PortSelector) {
        let parts = text.split(on: UInt8(ascii: "/"))
        guard parts.count <= 2 else {
            throw ValueFault(text, "\(text.quoted) is not a protocol with a port behind a slash")
        }
        let ipProtocol = try Self.ipProtocol(parts[0])
        guard parts.count == 2 else { return (ipProtocol, .any) }
        let ports = try Self.ports(parts[1])
        // RFC 7296 §3.13.1: for protocols for which port is undefined (including protocol 0) … this field
        // MUST be zero.
        guard ipProtocol != 0 || ports == .any else {
            throw ValueFault(parts[1], "a port needs its protocol, such as [tcp/\(parts[1].string)]")
        }
        return (ipProtocol, ports)
    }

    private static func ipProtocol(_ text: LocatedText) throws(ValueFault) -> UInt8 {
        let name = text.string.lowercased()
        if name.isEmpty || name == "any" || name == "%any" { return 0 }
        if let number = WellKnown.protocols[name] { return number }
        if let number = UInt8(name), name.utf8.allSatisfy(\.isDigit) { return number }
        let hint = nearest(name, among: WellKnown.protocols.keys.sorted())
        throw ValueFault(
            text, "unknown protocol \(text.quoted)" + (hint.map { " (did you mean '\($0)'?)" } ?? ""))
    }

    private static func ports(_ text: LocatedText) throws(ValueFault) -> PortSelector {
        let name = text.string.lowercased()
        if name.isEmpty || name == "any" || name == "%any" { return .any }
        if name == "opaque" { return .opaque }
        if let port = WellKnown.ports[name] { return .range(port...port) }
        let ends = name.split(separator: "-", omittingEmptySubsequences: false).map { end in
            end.utf8.allSatisfy(\.isDigit) ? UInt16(end) : nil
        }
        if ends.count == 1, let port = ends[0] { return .range(port...port) }
        if ends.count == 2, let first = ends[0], let last = ends[1], first <= last {
            return .range(first...last)
        }
        throw ValueFault(text, "\(text.quoted) is no port, range of ports or 'opaque'; write its number")
    }
}

/// Names that getprotobyname(3) and getservbyname(3) give, as far as selectors are likely to use them.
///
/// A table of ours, so that a configuration means the same on every machine.
enum WellKnown {
    /// Protocol numbers (IANA "Protocol Numbers").
    static let protocols: [String: UInt8] = [
        "icmp": 1, "igmp": 2, "ipencap": 4, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41,
        "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "eigrp": 88, "ospf": 89, "pim": 103,
        "vrrp": 112, "l2tp": 115, "sctp": 132, "udplite": 136,
    ]

    /// Port numbers (IANA "Service Name and Transport Protocol Port Number Registry").
    static let ports: [String: UInt16] = [
        "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
        "http": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ntp": 123, "imap2": 143, "imap": 143,
        "snmp": 161, "snmp-trap": 162, "bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445,
        "isakmp": 500,
        "syslog": 514, "imaps": 993, "pop3s": 995, "l2f": 1701, "l2tp": 1701, "radius": 1812, "nfs": 2049,
        "mysql": 3306, "ipsec-nat-t": 4500, "sip": 5060, "postgresql": 5432,
    ]
}
