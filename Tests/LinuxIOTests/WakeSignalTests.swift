internal import IPsecModel
internal import Synchronization
internal import Testing

@testable internal import LinuxIO

/// Threads, and what wakes them.
@Suite struct WakeSignalTests {
    @Test func `a signal is seen until it is cleared, however often it was given`() throws {
        let signal = try WakeSignal()
        func isReady() -> Int32 { PacketPoll.wait([signal.descriptor].span, milliseconds: 0) }
        #expect(isReady() == 0)
        signal.clear()
        #expect(isReady() == 0)
        signal.signal()
        signal.signal()
        #expect(isReady() == 1)
        #expect(isReady() == 1)
        signal.clear()
        #expect(isReady() == 0)
    }

    @Test func `the result says which are ready, to read or to write`() throws {
        let signals = try (0..<3).map { _ in try WakeSignal() }
        signals[1].signal()
        let descriptors = signals.map(\.descriptor)
        #expect(PacketPoll.wait(descriptors.span, milliseconds: 1000) == 0b010)
        #expect(PacketPoll.wait(descriptors.span, writable: 0b100, milliseconds: 1000) == 0b110)
        // A negative one is never ready; one that is not open is an error, which is ready.
        #expect(PacketPoll.wait([-1, descriptors[1], 1_000_000].span, milliseconds: 1000) == 0b110)
        #expect(PacketPoll.wait([Int32]().span, milliseconds: 0) == 0)
        let many = [Int32](repeating: -1, count: PacketPoll.maximumDescriptors + 1)
        #expect(PacketPoll.wait(many.span, milliseconds: 0) == -Errno.invalid)
    }

    @Test func `a waiting thread is woken`() throws {
        let signal = try WakeSignal()
        let woken = Atomic(Int32(-1))
        let box = Box(woken)
        let thread = try LinuxThread(name: "waiting") {
            let ready = PacketPoll.wait([signal.descriptor].span, milliseconds: 60_000)
            box.value.store(ready, ordering: .sequentiallyConsistent)
        }
        signal.signal()
        thread.join()
        thread.join()
        #expect(box.value.load(ordering: .sequentiallyConsistent) == 1)
    }

    @Test(arguments: [("culvert-esp-0", "culvert-esp-0"), ("a name beyond 15 bytes", "a name beyond 1")])
    func `a thread has the name that it was given`(name: String, seen: String) throws {
        let found = Mutex("")
        let box = TextBox(found)
        let thread = try LinuxThread(name: name) {
            do throws(IOFault) {
                let bytes = try FileReading.bytes(path: "/proc/thread-self/comm", limit: 100)
                box.value.withLock { $0 = String(decoding: bytes.dropLast(), as: UTF8.self) }
            } catch { box.value.withLock { $0 = error.description } }
        }
        thread.join()
        #expect(box.value.withLock { $0 } == seen)
    }

    private final class Box: Sendable {
        let value: Atomic<Int32>
        init(_ value: consuming Atomic<Int32>) { self.value = value }
    }

    private final class TextBox: Sendable {
        let value: Mutex<String>
        init(_ value: consuming sending Mutex<String>) { self.value = value }
    }
}

@Suite struct PackedEndpointTests {
    @Test(
        arguments: [
            (Endpoint(.v4(IPv4Address(192, 0, 2, 1)), 4500), UInt64(0), UInt64(0xc000_0201)),
            (Endpoint(.v6(IPv6Address(bits: 0x2001_0db8 << 96 | 5)), 1), 0x2001_0db8_0000_0000, 5),
            (Endpoint(.v6(IPv6Address(bits: 0)), 0), 0, 0),
        ])
    func `an endpoint is the same when it is unpacked`(endpoint: Endpoint, high: UInt64, low: UInt64) {
        let packed = PackedEndpoint(endpoint)
        #expect(packed.addressHigh == high && packed.addressLow == low && packed.port == endpoint.port)
        #expect(packed.endpoint == endpoint)
        #expect(packed.isUnspecified == endpoint.address.isUnspecified)
    }

    @Test func `the port does not matter for the address, the family does`() {
        let v4 = PackedEndpoint(Endpoint(.v4(IPv4Address(bits: 7)), 1))
        #expect(v4.hasSameAddress(as: PackedEndpoint(Endpoint(.v4(IPv4Address(bits: 7)), 2))))
        #expect(!v4.hasSameAddress(as: PackedEndpoint(Endpoint(.v6(IPv6Address(bits: 7)), 1))))
        #expect(!v4.hasSameAddress(as: PackedEndpoint(Endpoint(.v4(IPv4Address(bits: 8)), 1))))
    }
}

/// What the kernel knows about paths.
@Suite struct PathMTUTests {
    @Test func `it is the interface's, or the route's, which may depend on the mark`() throws {
        let found = try PrivateNetwork.run {
            for command in [
                "link set lo mtu 9000", "address add 192.0.2.1/32 dev lo",
                "address add fd00::1/128 dev lo nodad",
                "route add 198.51.100.0/24 dev lo", "route add 203.0.113.0/24 dev lo mtu 1300",
                "-6 route add fd01::/64 dev lo mtu 1290",
                "rule add fwmark 5 lookup 77", "route add 198.51.100.0/24 dev lo mtu 1200 table 77",
            ] { try PrivateNetwork.ip(command) }
            let here = IPAddress.v4(IPv4Address(192, 0, 2, 1))
            let here6 = IPAddress.v6(IPv6Address(bits: 0xfd00 << 112 | 1))
            let plain = IPAddress.v4(IPv4Address(198, 51, 100, 9))
            return [
                Host.pathMTU(from: here, to: plain),
                Host.pathMTU(from: here, to: plain, mark: 5),
                Host.pathMTU(from: AddressFamily.v4.unspecified, to: .v4(IPv4Address(203, 0, 113, 9))),
                Host.pathMTU(from: here6, to: .v6(IPv6Address(bits: 0xfd01 << 112 | 9))),
                // No route; an address of another host; two families.
                Host.pathMTU(from: here, to: .v4(IPv4Address(8, 8, 8, 8))),
                Host.pathMTU(from: .v4(IPv4Address(192, 0, 2, 99)), to: plain),
                Host.pathMTU(from: here6, to: plain),
            ]
        }
        #expect(found == [9000, 1200, 1300, 1290, nil, nil, nil])
    }
}
