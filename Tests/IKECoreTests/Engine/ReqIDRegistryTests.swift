import IPsecModel
import Testing

@testable import IKECore

/// Reqids of CHILD_SAs.
struct ReqIDRegistryTests {
    private static let usual = Configurations.selector("10.1.0.0/24")
    private static let other = Configurations.selector("10.3.0.0/24")

    private func key(
        _ name: String, _ remote: TrafficSelector = usual, peer: Identity = .fqdn("a.example.org")
    ) -> ReqIDRegistry.Key {
        ReqIDRegistry.Key(connection: name, peer: peer, local: [Self.usual], remote: [remote])
    }

    @Test func `equal selectors of one connection share a reqid, others do not`() {
        var registry = ReqIDRegistry()
        let first = registry.take(self.key("a"), configured: nil)
        let again = registry.take(self.key("a"), configured: nil)
        let other = registry.take(self.key("a", Self.other), configured: nil)
        let stranger = registry.take(self.key("b"), configured: nil)
        let peer = registry.take(self.key("a", peer: .fqdn("c.example.org")), configured: nil)
        #expect(first == ReqID.range.lowerBound)
        #expect(again == first)
        #expect(Set([first, other, stranger, peer]).count == 4)
    }

    @Test func `the last to let go is told so`() {
        var registry = ReqIDRegistry()
        _ = registry.take(self.key("a"), configured: nil)
        _ = registry.take(self.key("a"), configured: nil)
        let first = registry.release(self.key("a"))
        let second = registry.release(self.key("a"))
        let unknown = registry.release(self.key("a"))
        #expect(!first)
        #expect(second)
        #expect(unknown)
    }

    @Test func `a configured reqid is taken as it is`() {
        var registry = ReqIDRegistry()
        let reqid = registry.take(self.key("a"), configured: 42)
        #expect(reqid == 42)
    }

    @Test func `a freed reqid is not the next one to be given out`() {
        var registry = ReqIDRegistry()
        let first = registry.take(self.key("a"), configured: nil)
        _ = registry.release(self.key("a"))
        let second = registry.take(self.key("a"), configured: nil)
        #expect(second != first)
    }

    @Test func `when all are in use there is none, and a freed one is found`() {
        var registry = ReqIDRegistry()
        for index in 0..<ReqID.range.count { _ = registry.take(self.key("\(index)"), configured: nil) }
        let none = registry.take(self.key("one too many"), configured: nil)
        #expect(none == nil)
        _ = registry.release(self.key("777"))
        let freed = registry.take(self.key("one too many"), configured: nil)
        #expect(freed == ReqID.range.lowerBound + 777)
    }

    @Test func `a configured reqid is for one pair of selectors at a time, another gets one of ours`() {
        var registry = ReqIDRegistry()
        let first = registry.take(self.key("a"), configured: 42)
        let second = registry.take(self.key("a", Self.other), configured: 42)
        #expect(first == 42)
        #expect(second == ReqID.range.lowerBound)
        _ = registry.release(self.key("a"))
        let third = registry.take(self.key("b"), configured: 42)
        #expect(third == 42)
    }
}
