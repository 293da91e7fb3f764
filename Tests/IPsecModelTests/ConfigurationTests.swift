import IPsecModel
import Testing

@Suite struct ConfigurationTests {
    private func pattern(_ first: String, _ last: String) throws -> AddressPattern {
        .range(try range(first, last))
    }

    @Test func `an address pattern takes in its range and nothing else`() throws {
        let pattern = try self.pattern("192.0.2.10", "192.0.2.20")
        for (text, isMeant) in [
            ("192.0.2.9", false), ("192.0.2.10", true), ("192.0.2.20", true), ("192.0.2.21", false),
            ("::c000:20f", false),
        ] {
            let address = try #require(IPAddress(text))
            #expect(pattern.matches(address) == isMeant, "\(text)")
            #expect(AddressPattern.any.matches(address))
            #expect(!AddressPattern.name("gw.example.org").matches(address))
        }
    }

    @Test func `an address pattern is printed as the configuration spells it`() throws {
        #expect(AddressPattern.any.description == "%any")
        #expect(AddressPattern.name("gw.example.org").description == "gw.example.org")
        #expect(try self.pattern("192.0.2.1", "192.0.2.1").description == "192.0.2.1")
        #expect(try self.pattern("192.0.2.0", "192.0.2.255").description == "192.0.2.0/24")
        #expect(try self.pattern("192.0.2.1", "192.0.2.3").description == "192.0.2.1-192.0.2.3")
    }

    @Test func `enumerations have swanctl's words`() {
        #expect(UniquenessPolicy.allCases.map(\.rawValue) == ["never", "no", "replace", "keep"])
        #expect(DataPlaneChoice.allCases.map(\.rawValue) == ["auto", "kernel", "userspace"])
    }

    @Test func `a kernel's refusal is printed with its number and its own words`() {
        let spoken = KernelFault(operation: "NEWSA", object: "c0000001", errno: 22, text: "no such state")
        #expect(spoken.description == "NEWSA c0000001: errno 22: no such state")
        #expect(
            KernelFault(operation: "DELSA", object: "x", errno: 3).description == "DELSA x: errno 3")
        let identifier = SAIdentifier(spi: ESPSPI(0xc000_0001), destination: .v4(IPv4Address(192, 0, 2, 1)))
        #expect(identifier.description == "c0000001 to 192.0.2.1")
    }
}
