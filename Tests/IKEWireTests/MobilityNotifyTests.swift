import IPsecModel
import Testing

@testable import IKEWire

/// The data of MOBIKE's notifies (RFC 4555 §4.2).
@Suite struct MobilityNotifyTests {
    private let v4 = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    private let v6 = IPAddress.v6(IPv6Address(bits: 0x2001_0db8_0000_0000_0000_0000_0000_0001))

    @Test func `an additional address is four or sixteen octets of its own notify type`() {
        let short = NotifyPayload(additionalAddress: self.v4)
        #expect(short.type.rawValue == 16_397)
        #expect(short.data == [192, 0, 2, 1])
        #expect(short.additionalAddress == self.v4)
        let long = NotifyPayload(additionalAddress: self.v6)
        #expect(long.type.rawValue == 16_398)
        #expect(long.data == [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
        #expect(long.additionalAddress == self.v6)
    }

    @Test(arguments: [0, 3, 5, 15, 16, 17])
    func `an IPv4 address of another length is none`(count: Int) {
        let data = [UInt8](repeating: 1, count: count)
        #expect(NotifyPayload(.additionalIP4Address, data: data).additionalAddress == nil)
    }

    @Test(arguments: [0, 4, 15, 17])
    func `an IPv6 address of another length is none`(count: Int) {
        let data = [UInt8](repeating: 1, count: count)
        #expect(NotifyPayload(.additionalIP6Address, data: data).additionalAddress == nil)
    }

    @Test func `another notify has no address`() {
        #expect(NotifyPayload(.cookie2, data: [1, 2, 3, 4]).additionalAddress == nil)
    }

    @Test func `NO_NATS_ALLOWED has both addresses, then both ports`() {
        let (source, destination) = (
            Endpoint(self.v4, 4500), Endpoint(.v4(IPv4Address(203, 0, 113, 9)), 500)
        )
        let notify = NotifyPayload(noNATsAllowedFrom: source, to: destination)
        #expect(notify.type.rawValue == 16_402)
        #expect(notify.data == [192, 0, 2, 1, 203, 0, 113, 9, 0x11, 0x94, 0x01, 0xf4])
        #expect(notify.allows(from: source, to: destination))
        #expect(!notify.allows(from: destination, to: source))
        #expect(!notify.allows(from: Endpoint(self.v4, 4501), to: destination))
        let long = NotifyPayload(noNATsAllowedFrom: Endpoint(self.v6, 1), to: Endpoint(self.v6, 2))
        #expect(long.data.count == 36)
        #expect(!NotifyPayload(.cookie2, data: notify.data).allows(from: source, to: destination))
    }

    @Test func `NO_NATS_ALLOWED of another length allows nothing`() {
        let source = Endpoint(self.v4, 4500)
        let whole = NotifyPayload(noNATsAllowedFrom: source, to: source).data
        for count in 0..<whole.count {
            let notify = NotifyPayload(.noNATsAllowed, data: Array(whole.prefix(count)))
            #expect(!notify.allows(from: source, to: source))
        }
        #expect(!NotifyPayload(.noNATsAllowed, data: whole + [0]).allows(from: source, to: source))
    }
}
