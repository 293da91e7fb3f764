internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// Every key of swanctl.conf(5) against the tables.
struct SchemaTests {
    /// A key of the manual page.
    struct ManualKey: CustomTestStringConvertible {
        /// The names from the top down, the operator's own filled in.
        let path: [String]
        /// What stands in brackets, if it is a value.
        let value: String?

        var testDescription: String { self.path.joined(separator: ".") }

        /// A file in which nothing but this key is set.
        func file(value: String) -> String {
            let sections = self.path.dropLast()
            let closing = String(repeating: "}", count: sections.count)
            return sections.map { "\($0) {\n" }.joined() + "\(self.path.last ?? "") = \(value)\n" + closing
        }
    }

    /// The keys of the vector file, without those of sections that are not implemented as a whole.
    static let manual: [ManualKey] = {
        let lines = ((try? vector("swanctl-keys.txt")) ?? "").split(separator: "\n").dropFirst()
        let names = [
            "<conn>": "c", "<child>": "k", "<suffix>": "-1", "<name>": "n", "<attr>": "dns",
        ]
        return lines.compactMap { line in
            guard line.hasSuffix("]"), let bracket = line.range(of: " [") else { return nil }
            var path = String(line[..<bracket.lowerBound])
            for (placeholder, name) in names { path = path.replacingOccurrences(of: placeholder, with: name) }
            let value = String(line[bracket.upperBound...].dropLast())
            let isValue =
                !value.isEmpty && !value.contains(" ") && !["id", "remote-id", "over_time"].contains(value)
            let parts = path.split(separator: ".").map(String.init)
            return ManualKey(path: parts, value: isValue ? value : nil)
        }.filter { key in !key.path.contains { $0.hasPrefix("cert-1") || $0.hasPrefix("cacert-1") } }
    }()

    @Test func `the vector file has the manual page's keys`() {
        #expect(Self.manual.count > 110)
        #expect(Self.manual.contains { $0.path == ["connections", "c", "children", "k", "esp_proposals"] })
    }

    @Test(arguments: manual)
    func `every key of the manual page is known`(_ key: ManualKey) {
        let found = findings(key.file(value: key.value ?? "1"))
        #expect(!found.contains { $0.contains("unknown") }, "\(found)")
    }

    @Test(arguments: manual.filter { $0.value != nil && $0.path.last != "auth" })
    func `strongSwan's default may be written down without an error at the key`(_ key: ManualKey) {
        let found = parse(key.file(value: key.value ?? "")).diagnostics
        #expect(!found.contains { $0.line == key.path.count && $0.severity == .error }, "\(found.map(brief))")
    }

    @Test(arguments: manual.filter { !["id-1", "secret"].contains($0.path.last) && $0.path.last != "id" })
    func `no key takes a value that it does not understand`(_ key: ManualKey) {
        let found = parse(key.file(value: "zz%[zz")).diagnostics
        let ownSection = key.path.first == "connections" || key.path.dropFirst().first == "ike-1"
        #expect(found.contains { $0.line == key.path.count || !ownSection }, "\(found.map(brief))")
        #expect(!found.isEmpty)
    }

    @Test(arguments: [
        ("dpd_dealy = 30s", "unknown key 'dpd_dealy' in connection 'hq' (did you mean 'dpd_delay'?)"),
        ("remote_addr = %any", "unknown key 'remote_addr' in connection 'hq' (did you mean 'remote_addrs'?)"),
        (
            "remote_adrrs = %any",
            "unknown key 'remote_adrrs' in connection 'hq' (did you mean 'remote_addrs'?)"
        ),
        ("x = 1", "unknown key 'x' in connection 'hq'"),
        ("quite_another_thing = 1", "unknown key 'quite_another_thing' in connection 'hq'"),
        ("children = net", "'children' is a section; write 'children { … }'"),
    ])
    func `an unknown key is shown with the nearest known one`(_ line: String, _ message: String) {
        let text = message.hasPrefix("'") ? "connection 'hq': \(message)" : message
        #expect(findings(site(line)) == ["2:1: error: \(text)"])
    }

    @Test(arguments: [
        ("childern { }", "unknown section 'childern' in connection 'hq' (did you mean 'children'?)"),
        ("proposals { }", "connection 'hq': 'proposals' is a key; write 'proposals = …'"),
        ("local_addrs { }", "connection 'hq': 'local_addrs' is a key; write 'local_addrs = …'"),
    ])
    func `an unknown section is shown with the nearest known one`(_ line: String, _ message: String) {
        #expect(findings(site(line)) == ["2:1: error: \(message)"])
    }

    @Test func `keys of children, rounds and secrets are checked as well`() {
        #expect(
            findings(site(child: "local_tss = 10.1.0.0/24")) == [
                "4:1: error: unknown key 'local_tss' in child 'net' of 'hq' (did you mean 'local_ts'?)"
            ])
        #expect(
            findings(site(local: "idd = a")) == [
                "6:1: error: unknown key 'idd' in local of 'hq' (did you mean 'id'?)"
            ])
        #expect(
            findings(site(secrets: "ike-2 { secrt = xxxxxxxxxxxxxxxxxxxxxxxx\n}")).contains(
                "12:9: error: unknown key 'secrt' in secret 'ike-2' (did you mean 'secret'?)"))
        #expect(
            findings(site(top: "data_plan = auto")) == [
                "14:1: error: unknown key 'data_plan' at the top of the file (did you mean 'data_plane'?)"
            ])
    }

    @Test func `a section at the top is known, inherited from, or reported`() {
        #expect(
            findings(site(top: "conections { }")) == [
                "14:1: error: unknown section 'conections' (did you mean 'connections'?)"
            ])
        #expect(
            findings(site(top: "leftover { }")) == [
                "14:1: warning: section 'leftover' has no effect: nothing inherits from it"
            ])
        #expect(
            findings(site(top: "pools { p { addrs = 10.3.0.0/24\n} }")) == [
                "14:1: warning: section 'pools' has no effect: virtual addresses are not implemented yet"
            ])
    }

    @Test(arguments: [
        ("eap-x", "EAP is not implemented yet"), ("rsa-x", "private keys are not implemented yet"),
        ("ppk-x", "RFC 8784 is not implemented yet"),
    ])
    func `secrets of other kinds have no effect and say so`(_ name: String, _ reason: String) {
        #expect(
            findings(site(secrets: "\(name) { secret = x\n}")) == [
                "12:1: warning: section 'secrets': section '\(name)' has no effect: \(reason)"
            ])
    }

    @Test func `a key that is set twice in one file is reported`() {
        #expect(
            findings(site("encap = no\nencap = yes")) == [
                "3:1: warning: 'encap' replaces the value of line 2, which has no effect"
            ])
    }

    @Test func `a connection, child or secret that is defined twice in one file is reported`() {
        let text = site(top: "connections { hq { encap = yes\n} }")
        #expect(
            findings(text) == [
                "14:15: warning: connection 'hq' is already defined in line 1; this adds to it"
            ])
        #expect(parse(text).configuration?.connections.first?.forcesEncapsulation == true)
        #expect(
            findings(site(child: "} net {")) == [
                "4:3: warning: child 'net' is already defined in line 3; this adds to it"
            ])
        #expect(
            findings(site(secrets: "ike-hq { id = b.example.org\n}")) == [
                "12:1: warning: secret 'ike-hq' is already defined in line 10; this adds to it"
            ])
    }
}
