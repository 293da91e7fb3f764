internal import Glibc
internal import IPsecModel
internal import Testing

@testable internal import LinuxIO

/// Sockets that know one peer, beside the one that all others share.
@Suite struct ConnectedSocketTests {
    private static let loopback4 = IPAddress.v4(IPv4Address(127, 0, 0, 1))
    private static let loopback6 = IPAddress.v6(IPv6Address(bits: 1))

    private func socket(_ address: IPAddress) throws -> (packets: PacketSocket, local: Endpoint) {
        let ike = try IKESocket(bindingTo: Endpoint(address, 0), role: [])
        let local = Endpoint(address.isUnspecified ? Self.loopback4 : address, ike.localEndpoint.port)
        return (try PacketSocket(sharing: ike), local)
    }

    @Test(arguments: [loopback4, loopback6, AddressFamily.v4.unspecified])
    func `what comes from its peer comes to it, all else to the shared one`(bound: IPAddress) throws {
        let (shared, local) = try self.socket(bound)
        let family = local.address.family == .v4 ? Self.loopback4 : Self.loopback6
        let (peer, remote) = try self.socket(family)
        let (stranger, _) = try self.socket(family)
        let own = try PacketSocket(connecting: shared, from: local, to: remote)
        #expect(own.isConnected && !shared.isConnected && own.offloads == shared.offloads)
        _ = peer.send([1], to: local)
        _ = stranger.send([2], to: local)
        #expect(own.receiveAll().slots.map(\.bytes) == [[1]])
        #expect(shared.receiveAll().slots.map(\.bytes) == [[2]])
    }

    @Test func `both ends are right in what it sends and receives, and it needs to be told neither`() throws {
        let (shared, local) = try self.socket(Self.loopback4)
        let (peer, remote) = try self.socket(Self.loopback4)
        let own = try PacketSocket(connecting: shared, from: local, to: remote)
        let elsewhere = Endpoint(.v4(IPv4Address(127, 9, 9, 9)), 9)
        for (trafficClass, singly) in [(0, false), (0x28, false), (0x28, true)] as [(UInt8, Bool)] {
            let sent = own.send(
                pattern(30), segmentSize: 10, from: elsewhere, to: elsewhere, trafficClass: trafficClass,
                singly: singly)
            #expect(sent == SendResult(datagrams: 3, errno: 0))
            let received = peer.receiveAll().slots
            #expect(received.flatMap(\.bytes) == pattern(30))
            #expect(received.allSatisfy { $0.source == local && $0.trafficClass == trafficClass })
        }
        _ = peer.send([7], to: local, trafficClass: 0xb8)
        #expect(
            own.receiveAll().slots == [
                Received(
                    bytes: [7], segmentSize: 1, source: remote, destination: local, trafficClass: 0xb8,
                    isTruncated: false)
            ])
    }

    @Test func `several have a place beside the shared one, but no program of somebody else's`() throws {
        let (shared, local) = try self.socket(AddressFamily.v4.unspecified)
        let own = try (1...3).map {
            try PacketSocket(connecting: shared, from: local, to: Endpoint(Self.loopback4, $0))
        }
        #expect(own.count == 3)
        for address in [AddressFamily.v4.unspecified, Self.loopback4] {
            #expect(Self.bindReusing(Endpoint(address, local.port)) == EADDRINUSE)
        }
    }

    /// The errno of a program that binds there and allows others to as well.
    private static func bindReusing(_ local: Endpoint) -> Int32 {
        let fd = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(fd) }
        var one: Int32 = 1
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = local.port.bigEndian
        address.sin_addr.s_addr = UInt32(truncatingIfNeeded: local.address.number).bigEndian
        // SAFETY: both live for the calls, with their own sizes.
        unsafe setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0 ? 0 : errno
    }

    @Test func `after it is closed its peer is one of all again`() throws {
        let (shared, local) = try self.socket(Self.loopback4)
        let (peer, remote) = try self.socket(Self.loopback4)
        var own: PacketSocket? = try PacketSocket(connecting: shared, from: local, to: remote)
        #expect(own?.isConnected == true)
        own = nil
        _ = peer.send([1], to: local)
        #expect(shared.receiveAll().slots.map(\.bytes) == [[1]])
    }

    @Test func `an address that this host does not have is a fault, and the shared one goes on`() throws {
        let (shared, local) = try self.socket(AddressFamily.v4.unspecified)
        let foreign = Endpoint(.v4(IPv4Address(192, 0, 2, 1)), local.port)
        let fault = #expect(throws: IOFault.self) {
            try PacketSocket(connecting: shared, from: foreign, to: local)
        }
        #expect(fault?.errno == Errno.addressNotAvailable)
        _ = shared.send([1], to: local)
        #expect(shared.receiveAll().slots.map(\.bytes) == [[1]])
    }
}
