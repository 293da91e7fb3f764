internal import Glibc
internal import IPsecModel
internal import Synchronization
internal import Testing

@testable internal import LinuxIO

/// A thread that is blocked in reading a TUN device, and those who want it back.
@Suite struct BlockingReadTests {
    private static let beyond = Endpoint(.v4(IPv4Address(192, 0, 2, 9)), 7_000)

    /// What the reading thread does, and how it is told to do something else.
    private final class Reading: Sendable {
        let tun: TunDevice
        let signal: WakeSignal
        /// What there is to do, as a number that only grows.
        let work = Atomic<Int>(0)
        /// The work that was seen, and what the reads returned before.
        let seen = Atomic<Int>(0)
        let results = Mutex<[Int]>([])

        init() throws {
            self.tun = try TunDevice(name: "culvert%d")
            self.signal = try WakeSignal()
            try PrivateNetwork.ip("link set \(self.tun.name) up")
            try PrivateNetwork.ip("address add 192.0.2.1/24 dev \(self.tun.name)")
        }

        /// Reads, and looks for work before each first read, until the work is `last`.
        func run(until last: Int) {
            var memory = [UInt8](repeating: 0, count: 66_000)
            var span = memory.mutableSpan
            var known = 0
            while known < last {
                self.signal.beginBlockingReads(of: self.tun)
                let work = self.work.load(ordering: .acquiring)
                if work == known {
                    let result = self.tun.read(into: &span, 0..<66_000)
                    self.results.withLock { if $0.count < 10 { $0.append(result) } }
                }
                self.signal.endBlockingReads(of: self.tun)
                known = self.work.load(ordering: .acquiring)
                self.seen.store(known, ordering: .releasing)
            }
        }

        /// Gives work, and says whether it is taken up within five seconds.
        func give(_ number: Int) -> Bool {
            self.work.store(number, ordering: .releasing)
            self.signal.signal()
            let end = Host.now.advanced(by: .seconds(5))
            while self.seen.load(ordering: .acquiring) != number {
                if Host.now > end { return false }
            }
            return true
        }
    }

    @Test func `a signal ends a read that is blocked, and a packet does`() throws {
        let results = try PrivateNetwork.run {
            let reading = try Reading()
            let thread = try LinuxThread(name: "reading") { reading.run(until: 2) }
            let sender = try IKESocket(bindingTo: Endpoint(AddressFamily.v4.unspecified, 0), role: [])
            usleep(50_000)
            try sender.send([1, 2, 3], from: sender.localEndpoint, to: Self.beyond)
            usleep(50_000)
            #expect(reading.give(1))
            usleep(50_000)
            #expect(reading.give(2))
            thread.join()
            return reading.results.withLock { $0 }
        }
        // The packet header, those of IPv4 and UDP, three bytes. The kernel may say something of its own besides.
        #expect(results.contains(10 + 20 + 8 + 3))
        #expect(results.count { $0 == -Int(Errno.again) } == 2)
    }

    @Test func `a signal is not missed, whenever it comes`() throws {
        let missed = try PrivateNetwork.run {
            let reading = try Reading()
            let rounds = 20_000
            let thread = try LinuxThread(name: "reading") { reading.run(until: rounds) }
            var missed = 0
            for round in 1...rounds {
                // From before the thread begins to after it sleeps.
                for _ in 0..<(round % 97 * 40) { _ = reading.seen.load(ordering: .relaxed) }
                if !reading.give(round) {
                    missed += 1
                    if !reading.give(round) { return missed }
                }
            }
            thread.join()
            return missed
        }
        #expect(missed == 0)
    }
}
