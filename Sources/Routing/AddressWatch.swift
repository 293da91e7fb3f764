package import IPsecModel
internal import LinuxIO
internal import Netlink

/// Hears that this host's addresses or routes have changed, and knows its addresses.
///
/// What exactly has changed is not kept: whoever cares asks the kernel for the way to a peer again.
package final class AddressWatch {
    private let descriptor: NetlinkDescriptor
    private let routing: RoutingSocket
    private let numbers: RoutingNumbers

    /// Datagrams that one call of `drain` reads at most; with more, the descriptor is still readable.
    private static let batch = 64

    /// RTNLGRP_… of linux/rtnetlink.h.
    private static let groups = [
        NetlinkGroup(number: 5, name: "RTNLGRP_IPV4_IFADDR"),
        NetlinkGroup(number: 7, name: "RTNLGRP_IPV4_ROUTE"),
        NetlinkGroup(number: 9, name: "RTNLGRP_IPV6_IFADDR"),
        NetlinkGroup(number: 11, name: "RTNLGRP_IPV6_ROUTE"),
    ]

    /// Joins the groups. Routes with our origin `numbers` lead into tunnels, and are no news.
    package init(_ numbers: RoutingNumbers = RoutingNumbers()) throws(KernelFault) {
        self.numbers = numbers
        self.routing = try RoutingSocket(numbers)
        do throws(IOFault) {
            self.descriptor = try NetlinkDescriptor(.route, groups: Self.groups)
        } catch {
            throw KernelFault(error, .route)
        }
    }

    /// Lends the descriptor's number, to wait for changes with.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.descriptor.number)
    }

    /// All addresses of this host.
    package func addresses() throws(KernelFault) -> [IPAddress] {
        try self.routing.addresses().map(\.address)
    }

    /// True if something has changed since the last call, or may have.
    package func drain() -> Bool {
        var hasChanged = false
        for _ in 0..<Self.batch {
            do throws(IOFault) {
                let heard = try self.descriptor.receive { bytes throws(MalformedMessage) in
                    try Self.isNews(bytes, self.numbers)
                }
                // What we cannot read may be anything.
                if case .success(false) = heard { continue }
                hasChanged = true
            } catch {
                if error.wouldBlock { break }
                // ENOBUFS; any other error leaves us as ignorant.
                hasChanged = true
                guard error.isOverflow else { break }
            }
        }
        return hasChanged
    }

    /// True if a datagram tells of an address, or of a route that is not ours.
    static func isNews(
        _ datagram: ArraySlice<UInt8>, _ numbers: RoutingNumbers
    ) throws(MalformedMessage) -> Bool {
        for message in try NetlinkMessage.parse(datagram) {
            switch RouteMessageType(rawValue: message.type) {
            case .newAddress, .deleteAddress: return true
            case .newRoute, .deleteRoute:
                var reader = KernelReader(message.payload)
                _ = try reader.bytes(5, "rtm_family")
                if try reader.native("rtm_protocol", as: UInt8.self) != numbers.origin { return true }
            case .newLink, .getLink, .getAddress, .getRoute, .newRule, .deleteRule, .getRule, nil: continue
            }
        }
        return false
    }
}
