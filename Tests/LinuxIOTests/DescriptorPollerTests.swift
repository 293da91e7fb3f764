internal import Foundation
internal import IPsecModel
internal import Synchronization
internal import Testing

@testable internal import LinuxIO

/// The poller against sockets on the loopback interface.
@Suite struct DescriptorPollerTests {
    /// Counts reports, and lets a test wait for one.
    private final class Reports: Sendable {
        private let count = Mutex(0)
        private let signal = DispatchSemaphore(value: 0)

        func report() {
            self.count.withLock { $0 += 1 }
            self.signal.signal()
        }

        /// True if a report came; false after `seconds`.
        func wait(_ seconds: Double = 5) -> Bool { self.signal.wait(timeout: .now() + seconds) == .success }

        var number: Int { self.count.withLock { $0 } }
    }

    private let socket: IKESocket

    init() throws {
        self.socket = try IKESocket(bindingTo: Endpoint(.v4(IPv4Address(127, 0, 0, 1)), 0), role: [])
    }

    private func send() throws {
        try self.socket.send([1], from: self.socket.localEndpoint, to: self.socket.localEndpoint)
    }

    private func drain() throws -> Int {
        var batch: [IKESocket.Datagram] = []
        try self.socket.receive(into: &batch)
        return batch.count
    }

    @Test func `readability is reported once until the registration is armed again`() throws {
        let poller = try DescriptorPoller()
        defer { poller.stop() }
        let reports = Reports()
        let registration = try self.socket.withDescriptor { fd in
            try poller.add(fd) { reports.report() }
        }
        try self.send()
        #expect(reports.wait())
        try self.send()
        #expect(!reports.wait(0.2), "reported although not armed")
        #expect(reports.number == 1)

        #expect(try self.drain() == 2)
        try poller.arm(registration)
        #expect(!reports.wait(0.2), "reported although drained")
        try self.send()
        #expect(reports.wait())
    }

    @Test func `what was not drained is reported at once after arming`() throws {
        let poller = try DescriptorPoller()
        defer { poller.stop() }
        let reports = Reports()
        let registration = try self.socket.withDescriptor { fd in
            try poller.add(fd) { reports.report() }
        }
        try self.send()
        #expect(reports.wait())
        try poller.arm(registration)
        #expect(reports.wait())
    }

    @Test func `a removed registration reports nothing`() throws {
        let poller = try DescriptorPoller()
        defer { poller.stop() }
        let reports = Reports()
        let registration = try self.socket.withDescriptor { fd in
            try poller.add(fd) { reports.report() }
        }
        poller.remove(registration)
        poller.remove(registration)
        try self.send()
        #expect(!reports.wait(0.2))
    }

    @Test func `stopping ends the thread, twice is harmless, and the poller goes`() throws {
        weak var gone: DescriptorPoller?
        do {
            let poller = try DescriptorPoller()
            gone = poller
            poller.stop()
            poller.stop()
        }
        #expect(gone == nil)
    }

    @Test func `a descriptor that is not open is a fault`() throws {
        let poller = try DescriptorPoller()
        defer { poller.stop() }
        let fault = #expect(throws: IOFault.self) { _ = try poller.add(1_000_000) {} }
        #expect(fault?.operation == "epoll_ctl")
    }
}
