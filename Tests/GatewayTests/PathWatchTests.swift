import IPsecModel
import NIOCore
import NIOEmbedded
import Routing
import Testing

@testable import Gateway
@testable import IKECore

/// What the control loop hears of this host's addresses. The kernel is the true one, and only says no where a test wants it to.
@Suite struct PathWatchTests {
    private let site: Site
    private let clock: EmbeddedEventLoop

    init() throws {
        self.site = try Site()
        self.clock = try #require(self.site.loop.eventLoop as? EmbeddedEventLoop)
    }

    private var heard: Set<IPAddress> { self.site.loop.engine.context.ownAddresses }

    private static let fault = KernelFault(
        operation: "GETADDR", object: "test", errno: 12, text: "told to fail")

    @Test func `addresses that cannot be listed are asked for again until they can`() throws {
        var asked = 0
        let watch = try PathWatch(self.site.loop) { (watch) throws(KernelFault) in
            asked += 1
            if asked <= 3 { throw Self.fault }
            return try watch.addresses()
        }
        watch.tell()
        let began = NIODeadline.now()
        // Not at once: it may stay like this.
        self.clock.advanceTime(to: began + .seconds(1))
        #expect(asked == 1 && self.heard.isEmpty)
        self.clock.advanceTime(to: began + .seconds(60))
        #expect(asked == 4)
        #expect(!self.heard.isEmpty)
        self.clock.advanceTime(to: began + .seconds(600))
        #expect(asked == 4)
        let lines = self.site.log.lines.filter { $0.contains("cannot be listed") }
        #expect(lines.count == 3)
        #expect(lines.first?.contains("warning") == true)
        #expect(lines.dropFirst().allSatisfy { $0.contains("debug") })
    }

    @Test func `nothing is asked any more after the end`() throws {
        var asked = 0
        let watch = try PathWatch(self.site.loop) { (_) throws(KernelFault) in
            asked += 1
            throw Self.fault
        }
        watch.tell()
        watch.stop()
        self.clock.advanceTime(to: .now() + .seconds(60))
        #expect(asked == 1)
    }
}
