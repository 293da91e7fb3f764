internal import IPsecModel
internal import Testing

@testable internal import Netlink
@testable internal import XFRM

/// Notifications of Linux 6.1, recorded.
@Suite struct EventTests {
    let kernel: VectorFile
    /// Not the port ID of anybody in the recording.
    static let ownPortID: UInt32 = 0xffff_fff0

    init() throws {
        self.kernel = try VectorFile("kernel-messages")
    }

    private func events(_ name: String, ownPortID: UInt32 = Self.ownPortID) throws -> [DataPlaneEvent] {
        try self.kernel.bytes(name).flatMap { datagram in
            try XFRMEventSocket.events(in: datagram[...], ownPortID: ownPortID)
        }
    }

    private func state(_ spi: UInt32) throws -> SAIdentifier {
        SAIdentifier(spi: ESPSPI(spi), destination: try address("10.9.0.2"))
    }

    @Test func `ESP from a new port is a changed mapping`() throws {
        let peer = try address("10.9.0.1")
        #expect(
            try self.events("mapping") == [
                .mappingChanged(
                    try self.state(0xc000_0001), reqid: 0x4356_0002, from: Endpoint(peer, 4_500),
                    to: Endpoint(peer, 61_001))
            ])
    }

    @Test func `a soft and a hard limit are told apart`() throws {
        let identifier = try self.state(0xc000_0003)
        #expect(
            try self.events("expire") == [
                .expired(identifier, reqid: 0x4356_0002, isHard: false),
                .expired(identifier, reqid: 0x4356_0002, isHard: true),
            ])
    }

    @Test func `a packet without an SA names its ends and the reqid of its policy`() throws {
        // Before it pings, ping connects a UDP socket to port 1025, to learn its own address.
        let port = { PortSelector.range($0...$0) }
        #expect(
            try self.events("acquire") == [
                .acquire(
                    reqid: 0x4356_0002,
                    local: try selector("10.2.0.1/32", ipProtocol: 17, ports: port(0x9bb7)),
                    remote: try selector("10.1.0.1/32", ipProtocol: 17, ports: port(1_025)))
            ])
    }

    @Test func `a state that somebody else deletes has ended, and says how far it had come`() throws {
        let identifier = try self.state(0xc000_0001)
        #expect(try self.events("delete") == [.expired(identifier, reqid: 0x4356_0002, isHard: true)])
        let datagram = try #require(try self.kernel.bytes("delete").first)
        let message = try #require(try NetlinkMessage.parse(datagram[...]).first)
        let last = try StateSnapshot(deletion: message.payload)
        #expect(last.replay.inbound == 4 && last.replay.bitmap == [0xf, 0] && last.replay.window == 64)
        #expect(last.counters.bytes == 336 && last.counters.packets == 4)
    }

    @Test func `what we delete ourselves is no event`() throws {
        // iproute2 leaves the port ID at zero.
        #expect(try self.events("delete", ownPortID: 0).isEmpty)
    }

    @Test func `somebody's flush asks for a comparison, ours does not`() throws {
        // Header only: length 20, type 0x1c, flags 0, sequence 1, port 7; then struct xfrm_usersa_flush.
        let bytes = try fromHex("14000000 1c00 0000 01000000 07000000 32000000")
        #expect(try XFRMEventSocket.events(in: bytes[...], ownPortID: 8) == [.overflow])
        #expect(try XFRMEventSocket.events(in: bytes[...], ownPortID: 7).isEmpty)
    }

    @Test func `unknown notifications are passed over`() throws {
        let bytes = try fromHex("14000000 ff00 0000 01000000 07000000 32000000")
        #expect(try XFRMEventSocket.events(in: bytes[...], ownPortID: 8).isEmpty)
    }

    @Test func `a half-made state that expires is no event`() throws {
        var datagram = try #require(try self.kernel.bytes("expire").last)
        for index in 0..<4 { datagram[16 + 72 + index] = 0 }  // id.spi
        #expect(try XFRMEventSocket.events(in: datagram[...], ownPortID: 1).isEmpty)
    }

    @Test(arguments: ["mapping", "expire", "acquire", "delete"])
    func `a notification cut short is a fault at each length`(name: String) throws {
        let datagram = try #require(try self.kernel.bytes(name).first)
        let message = try #require(try NetlinkMessage.parse(datagram[...]).first)
        // Attributes at the end may be missing as a whole; what comes before may not.
        let required = ["mapping": 64, "expire": 225, "acquire": 280, "delete": 24 + 4 + 224][name] ?? 0
        for count in 0..<required {
            let cut = NetlinkMessage(
                type: message.type, isInterrupted: false, isCapped: false, hasErrorAttributes: false,
                sequence: 0, portID: 0, payload: message.payload.prefix(count))
            #expect(throws: MalformedMessage.self, "\(count)") {
                try KernelEvent.decode(cut, ownPortID: Self.ownPortID)
            }
        }
    }

    @Test func `a family that is neither IPv4 nor IPv6 is a fault`() throws {
        var datagram = try #require(try self.kernel.bytes("mapping").first)
        datagram[16 + 20] = 99  // id.family
        #expect(throws: MalformedMessage(field: "id.family")) {
            try XFRMEventSocket.events(in: datagram[...], ownPortID: 1)
        }
    }
}
