import IPsecModel
import LinuxIO
import Testing

/// Addresses keep the order of their octets on the way through C.
@Suite struct HostAddressTests {
    @Test(arguments: ["192.0.2.7", "2001:db8:102:304:506:708:90a:b0c", "::1", "fe80::"])
    func `an address written in numbers stands for itself`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(Host.addresses(of: text) == [address])
    }
}
