internal import Glibc
internal import IPsecModel
internal import Testing

@testable internal import LinuxIO

/// A TCP connection between two networks, whose packets are carried from one TUN device to the other as they are.
@Suite struct TunTransferTests {
    /// What was seen on the way.
    private struct Outcome: Sendable {
        var received: [UInt8] = []
        var largest = 0
        /// `gso_type` of the largest packet's header.
        var type: UInt8?
    }

    private static let bytes = pattern(1_000_000)

    @Test(arguments: [TunDevice.Offloads.all, [.header, .checksum], .header, []])
    func `TCP arrives unchanged, in packets beyond the MTU with TSO only`(
        allowed: TunDevice.Offloads
    ) throws {
        let outcome = try PrivateNetwork.run { try Self.transfer(allowed) }
        #expect(outcome.received == Self.bytes)
        if allowed.contains(.tso) {
            #expect(outcome.largest > 10_000)
            #expect(outcome.type == 1)  // VIRTIO_NET_HDR_GSO_TCPV4
        } else {
            #expect(outcome.largest == 1400 + (allowed.contains(.header) ? 10 : 0))
            #expect(outcome.type ?? 0 == 0)
        }
    }

    private static func transfer(_ allowed: TunDevice.Offloads) throws -> Outcome {
        // A socket and a device stay in the network where they were made, whatever becomes of the thread.
        let server = try self.device(allowed, "192.0.2.1/24")
        let listener = Stream()
        try #require(listener.listen(port: 7000))
        try PrivateNetwork.enterNew()
        let client = try self.device(allowed, "192.0.2.2/24")
        let sender = Stream()
        sender.connect(to: "192.0.2.1", port: 7000)
        var outcome = Outcome()
        var accepted: Stream?
        var sent = 0
        for _ in 0..<100_000 where outcome.received.count < self.bytes.count {
            sent += sender.send(self.bytes[sent...])
            self.carry(from: client, to: server, &outcome)
            if accepted == nil { accepted = listener.accept() }
            outcome.received += accepted?.receive() ?? []
            self.carry(from: server, to: client, &outcome)
            self.wait(server, client)
        }
        return outcome
    }

    private static func device(_ allowed: TunDevice.Offloads, _ address: String) throws -> TunDevice {
        let tun = try TunDevice(name: "culvert%d", allowing: allowed)
        try PrivateNetwork.ip("link set \(tun.name) up mtu 1400")
        try PrivateNetwork.ip("address add \(address) dev \(tun.name)")
        return tun
    }

    /// Carries what is there.
    private static func carry(from source: TunDevice, to target: TunDevice, _ outcome: inout Outcome) {
        var memory = [UInt8](repeating: 0, count: 70_000)
        while true {
            var span = memory.mutableSpan
            let count = source.read(into: &span, 0..<70_000)
            guard count > 0 else { return }
            if count > outcome.largest {
                outcome.largest = count
                outcome.type = source.offloads.contains(.header) ? memory[1] : nil
            }
            _ = target.write(memory.span, [PacketPiece(offset: 0, count: Int32(count))].span)
        }
    }

    private static func wait(_ one: TunDevice, _ other: TunDevice) {
        one.withDescriptor { one in
            other.withDescriptor { other in
                _ = PacketPoll.wait([one, other].span, milliseconds: 1)
            }
        }
    }
}

/// A TCP socket that does not block.
private final class Stream {
    private let descriptor: Int32
    private static let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)

    init(
        _ descriptor: Int32 = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
    ) {
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    private func withAddress(
        _ text: String, _ port: UInt16, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    )
        -> Int32
    {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = unsafe inet_addr(text)
        // SAFETY: the address lives for the whole call.
        return unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    func listen(port: UInt16) -> Bool {
        unsafe self.withAddress("0.0.0.0", port) { unsafe Glibc.bind(self.descriptor, $0, $1) } == 0
            && Glibc.listen(self.descriptor, 1) == 0
    }

    func connect(to address: String, port: UInt16) {
        // EINPROGRESS: it has yet to be carried.
        _ = unsafe self.withAddress(address, port) { unsafe Glibc.connect(self.descriptor, $0, $1) }
    }

    func accept() -> Stream? {
        let accepted = Glibc.accept(self.descriptor, nil, nil)
        return accepted < 0 ? nil : Stream(accepted)
    }

    /// How many bytes were taken.
    func send(_ bytes: ArraySlice<UInt8>) -> Int {
        // SAFETY: the bytes are lent for the call, with their own count.
        max(
            0,
            unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(self.descriptor, $0.baseAddress, $0.count, Self.flags)
            })
    }

    /// Everything that is there.
    func receive() -> [UInt8] {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            // SAFETY: the buffer is lent for the call, with its own count.
            let count = unsafe part.withUnsafeMutableBytes {
                unsafe recv(self.descriptor, $0.baseAddress, $0.count, Self.flags)
            }
            guard count > 0 else { return all }
            all += part[..<count]
        }
    }
}
