internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// `local_ts` and `remote_ts`.
struct SelectorTests {
    @Test(arguments: [
        ("10.1.0.0/24", "10.1.0.0/24"), ("10.1.0.7", "10.1.0.7/32"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1-10.0.0.9"),
        ("2001:db8::/48", "2001:db8::/48"), ("10.1.0.0/24[tcp/443]", "10.1.0.0/24[6/443]"),
        ("10.1.0.0/24[udp]", "10.1.0.0/24[17]"), ("10.1.0.0/24[tcp/https]", "10.1.0.0/24[6/443]"),
        ("10.1.0.0/24[17/1000-2000]", "10.1.0.0/24[17/1000-2000]"),
        ("10.1.0.0/24[udp/opaque]", "10.1.0.0/24[17/opaque]"), ("0.0.0.0/0[gre]", "0.0.0.0/0[47]"),
        ("10.1.0.0/24[tcp/%any]", "10.1.0.0/24[6]"), ("10.1.0.0/24[/]", "10.1.0.0/24"),
        ("10.1.0.0/24 [ tcp / 80 ]", "10.1.0.0/24[6/80]"), ("10.1.0.0/24[icmp/2048]", "10.1.0.0/24[1/2048]"),
        ("10.1.0.0/24[%any]", "10.1.0.0/24"), ("10.1.0.0/24[115]", "10.1.0.0/24[115]"),
    ])
    func `a selector is a block with a protocol and ports`(_ text: String, _ description: String) throws {
        #expect(try child("local_ts = \(text)").localSelectors.map(\.description) == [description])
        #expect(try child("remote_ts = \(text)").remoteSelectors.map(\.description) == [description])
    }

    @Test func `dynamic may have a protocol and a port`() throws {
        let selectors = try child("local_ts = dynamic[tcp/22], dynamic[gre], dynamic").localSelectors
        #expect(
            selectors == [
                .dynamic(ipProtocol: 6, ports: .range(22...22)), .dynamic(ipProtocol: 47, ports: .any),
                .dynamic(ipProtocol: 0, ports: .any),
            ])
    }

    @Test func `selectors are a list`() throws {
        let child = try child("remote_ts = 10.1.0.0/24,10.2.0.0/24 , 10.3.0.0/24[udp]")
        #expect(
            child.remoteSelectors.map(\.description) == ["10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24[17]"])
    }

    @Test(arguments: [
        ("10.1.0.0/33", "4:12", "'10.1.0.0/33' is neither 'dynamic' nor an address, block or range"),
        ("10.1.0.0/24, lan", "4:25", "'lan' is neither 'dynamic' nor an address, block or range"),
        ("10.1.0.0/24[tcp", "4:12", "'10.1.0.0/24[tcp' lacks the ']' at its end"),
        ("10.1.0.0/24[tpc/80]", "4:24", "unknown protocol 'tpc' (did you mean 'tcp'?)"),
        ("10.1.0.0/24[256]", "4:24", "unknown protocol '256'"),
        (
            "10.1.0.0/24[tcp/webserver]", "4:28",
            "'webserver' is no port, range of ports or 'opaque'; write its number"
        ),
        (
            "10.1.0.0/24[tcp/70000]", "4:28",
            "'70000' is no port, range of ports or 'opaque'; write its number"
        ),
        (
            "10.1.0.0/24[tcp/20-10]", "4:28",
            "'20-10' is no port, range of ports or 'opaque'; write its number"
        ),
        ("10.1.0.0/24[tcp/1/2]", "4:24", "'tcp/1/2' is not a protocol with a port behind a slash"),
        ("10.1.0.0/24[/80]", "4:25", "a port needs its protocol, such as [tcp/80]"),
        ("10.0.0.9-10.0.0.1", "4:12", "'10.0.0.9-10.0.0.1' is an empty range"),
    ])
    func `other selectors are errors at their place`(_ text: String, _ place: String, _ message: String) {
        #expect(
            findings(site(child: "local_ts = \(text)")) == [
                "\(place): error: child 'net' of 'hq': \(message)"
            ])
    }

    @Test func `host bits are reported`() {
        #expect(
            findings(site(child: "local_ts = 10.1.0.0/24, 10.2.0.1/24[tcp]")) == [
                "4:25: warning: child 'net' of 'hq': '10.2.0.1/24' has host bits; it is taken as 10.2.0.0/24"
            ])
    }

    @Test func `no packet has addresses of two families`() {
        #expect(
            findings(site(child: "local_ts = 10.1.0.0/24\nremote_ts = 2001:db8::/32")) == [
                "5:13: error: child 'net' of 'hq': local_ts is IPv4 and remote_ts is IPv6: no packet has both"
            ])
        #expect(
            findings(site(child: "local_ts = 10.1.0.0/24, ::/0\nremote_ts = 10.2.0.0/24")) == [
                "4:12: warning: child 'net' of 'hq': the IPv6 selectors of local_ts have no counterpart on the other side"
            ])
        #expect(findings(site(child: "local_ts = 10.1.0.0/24\nremote_ts = dynamic")) == [])
    }

    @Test func `a side has no more selectors than a payload can hold`() {
        let many = (0..<256).map { "10.0.\($0).0/24" }.joined(separator: ",")
        #expect(
            findings(site(child: "local_ts = \(many)")) == [
                "4:12: error: child 'net' of 'hq': local_ts has more than 255 selectors"
            ])
    }
}
