import IPsecModel
import LinuxIO
import Netlink
import Testing

@testable import Routing

/// What is heard of changes of addresses and routes.
@Suite struct AddressWatchTests {
    private let numbers = RoutingNumbers()

    /// A notification that has `payload` after its header.
    private func message(_ type: RouteMessageType, _ payload: [UInt8]) -> [UInt8] {
        let message = NetlinkRequest(type)
        message.append(bytes: payload)
        return message.bytes
    }

    /// `struct rtmsg` of a route of `origin` in the main table.
    private func route(_ origin: UInt8) -> [UInt8] { [2, 24, 0, 0, 254, origin, 0, 1, 0, 0, 0, 0] }

    @Test func `an address that comes or goes is news`() throws {
        for type in [RouteMessageType.newAddress, .deleteAddress] {
            let datagram = self.message(type, [2, 24, 0, 0, 1, 0, 0, 0])
            #expect(try AddressWatch.isNews(datagram[...], self.numbers))
        }
    }

    @Test func `a route is news unless it is one of ours`() throws {
        for type in [RouteMessageType.newRoute, .deleteRoute] {
            let foreign = self.message(type, self.route(3))
            let ours = self.message(type, self.route(self.numbers.origin))
            #expect(try AddressWatch.isNews(foreign[...], self.numbers))
            #expect(try !AddressWatch.isNews(ours[...], self.numbers))
            #expect(try AddressWatch.isNews((ours + foreign)[...], self.numbers))
        }
    }

    @Test func `other messages are no news`() throws {
        let datagram = self.message(.newLink, [UInt8](repeating: 0, count: 16))
        #expect(try !AddressWatch.isNews(datagram[...], self.numbers))
    }

    @Test func `a datagram that ends too early is refused`() {
        let whole = self.message(.newRoute, self.route(3))
        for count in 1..<22 {
            #expect(throws: MalformedMessage.self) {
                try AddressWatch.isNews(whole.prefix(count), self.numbers)
            }
        }
    }

    @Test func `a watch that nothing happens to is silent, and knows the host's addresses`() throws {
        let watch = try AddressWatch()
        #expect(try watch.addresses().contains(.v4(IPv4Address(127, 0, 0, 1))))
    }
}
