import ControlProtocol
import IKECore
import IKEWire
import IPsecModel
import SimNet
import Testing
@testable import Gateway

/// What the control socket says of connections, IKE_SAs and CHILD_SAs.
@Suite struct ReporterTests {
    @Test func `a connection that never stood waits, with what is expected of the peer`() throws {
        let report = try #require(try Site().report("site-c"))
        #expect(report.state == .waiting)
        #expect(report.ike == nil)
        #expect(report.configured?.remoteIdentity == "c.example.org")
        #expect(report.configured?.remoteAddresses == ["192.0.2.77"])
        #expect(report.expectedChildren == ["net"])
    }

    @Test func `an established one has identities, algorithms, path and CHILD_SA`() throws {
        let site = try Site()
        try site.connect()
        let report = try #require(site.report("site-a"))
        #expect(report.state == .established)
        let ike = try #require(report.ike)
        #expect(ike.proposal == "aes128gcm16-prfsha256-x25519")
        #expect(ike.local == PartyReport(identity: "b.example.org", authentication: "psk"))
        #expect(ike.remote == PartyReport(identity: "a.example.org", authentication: "psk"))
        #expect(ike.isInitiator == false)
        #expect(ike.initiatorSPI == site.peer.ikeSA?.spiI.description)
        #expect(ike.rekeys == 0)
        #expect(ike.rekeyedAt == nil)
        #expect(ike.mobike == false)
        #expect(report.path?.kind == .direct)
        #expect(report.path?.remote == "198.51.100.10:500")
        #expect(report.nat?.local.behind == false)
        #expect(report.nat?.remote.behind == false)
        #expect(report.nat?.keepaliveSeconds == nil)
        #expect(report.liveness?.unanswered == 0)
        #expect(report.lastFailure == nil)
        let child = try #require(report.children.first)
        #expect(report.childrenUp == ["net"])
        #expect(child.inboundSPI == site.peer.children.first?.outboundSPI.description)
        #expect(child.outboundSPI == site.peer.children.first?.inboundSPI.description)
        #expect(child.localTS == ["10.2.0.0/24"])
        #expect(child.remoteTS == ["10.1.0.0/24"])
        #expect(child.encap == "none")
    }

    @Test func `MOBIKE is reported where both sides have agreed on it`() throws {
        let site = try Site()
        site.peer.settings.extraAuthPayloads = [.notify(NotifyPayload(.mobikeSupported))]
        try site.connect()
        #expect(site.report("site-a")?.ike?.mobike == true)
    }

    @Test func `counters are the data plane's, and absent rather than zero if it cannot tell`() throws {
        let site = try Site()
        try site.connect()
        site.plane.counters.inbound.bytes = 4_096
        site.plane.counters.inbound.replayed = 3
        site.plane.counters.outbound.sequenceNumber = 17
        site.plane.counters.outbound.lastUse = 1_700_000_000
        let child = try #require(site.report("site-a")?.children.first)
        #expect(child.bytesIn == 4_096)
        #expect(child.replayed == 3)
        #expect(child.sequenceOut == 17)
        #expect(child.lastOutAt == Timestamp(secondsSince1970: 1_700_000_000))
        #expect(child.lastInAt == nil)
        site.plane.failing = [.statistics: 3]
        let blind = try #require(site.report("site-a")?.children.first)
        #expect(blind.bytesIn == nil)
        #expect(blind.bytesOut == nil)
        #expect(blind.state == .installed)
    }

    @Test func `ESP counts as much as IKE for when the peer was last heard`() throws {
        let site = try Site()
        try site.connect()
        let heard = try #require(site.report("site-a")?.liveness?.lastInboundAt)
        site.plane.counters.inbound.lastUse = UInt64(heard.secondsSince1970) + 60
        #expect(site.report("site-a")?.liveness?.lastInboundAt == heard.advanced(bySeconds: 60))
    }

    @Test func `a wrong key is a failure of the connection, and stays known after a success`() throws {
        let site = try Site()
        site.peer.settings.psk = Array("not the key".utf8)
        try site.connect()
        let failed = try #require(site.report("site-a"))
        #expect(failed.state == .failed)
        #expect(failed.lastFailure?.notify == "AUTHENTICATION_FAILED")
        #expect(failed.lastFailure?.isFromPeer == false)
        #expect(failed.lastFailure?.stage == "IKE_AUTH")
        site.peer.settings.psk = Array(Site.key.utf8)
        try site.connect()
        #expect(site.report("site-a")?.state == .established)
        #expect(site.report("site-a")?.lastFailure != nil)
    }

    @Test func `an IKE_SA that an operator ended leaves the connection down, not failed`() throws {
        let site = try Site()
        try site.connect()
        _ = site.loop.command(.terminate(connection: "site-a", uniqueID: nil, child: nil))
        #expect(site.report("site-a")?.state == .down)
        #expect(site.report("site-a")?.lastFailure == nil)
    }

    @Test
    func `a stranger's failure has both offers, and belongs to the connection that alone names its address`()
        throws
    {
        let site = try Site()
        site.peer.settings.ikeProposals = [PeerSettings.ikeProposal(.modp2048)]
        try site.connect()
        #expect(site.report("site-a")?.state == .waiting)
        let failure = try #require(site.loop.failures.unmatched.first)
        #expect(failure.ours.contains("aes128gcm16-prfsha256-x25519"))
        #expect(failure.theirs == ["aes128gcm16-prfsha256-modp2048"])

        let text = Site.configuration().replacing("192.0.2.77", with: "198.51.100.0/24")
        let named = try Site(text)
        named.peer.settings.ikeProposals = [PeerSettings.ikeProposal(.modp2048)]
        try named.connect()
        let report = try #require(named.report("site-c"))
        #expect(report.state == .failed)
        #expect(report.lastFailure?.notify == "NO_PROPOSAL_CHOSEN")
        #expect(report.lastFailure?.theirs == ["aes128gcm16-prfsha256-modp2048"])
        #expect(named.report("site-a")?.state == .waiting)
    }
}

/// Monotonic instants as times of day.
@Suite struct WallClockTests {
    /// 2023-11-14T22:13:20.9Z.
    private static let clock = WallClock(
        instant: Instant(nanoseconds: 10_000_000_000), nanosecondsSince1970: 1_700_000_000_900_000_000)

    @Test(arguments: [
        (0, "22:13:20"), (99, "22:13:20"), (100, "22:13:21"), (-900, "22:13:20"), (-901, "22:13:19"),
        (3_600_000, "23:13:20"),
    ])
    func `an instant is the second that it lies in`(milliseconds: Int, time: String) {
        let instant = Self.clock.instant.advanced(by: .milliseconds(milliseconds))
        #expect(Self.clock.timestamp(instant).description == "2023-11-14T\(time)Z")
    }

    @Test func `an instant is the same time of day whenever it is asked for`() {
        let event = Instant(nanoseconds: 9_999_999_999)
        let later = WallClock(
            instant: Instant(nanoseconds: 10_250_000_000), nanosecondsSince1970: 1_700_000_001_150_000_000)
        #expect(Self.clock.timestamp(event) == later.timestamp(event))
    }

    @Test(arguments: [Int64.min, .max])
    func `the ends of time do not trap`(nanoseconds: Int64) {
        let timestamp = Self.clock.timestamp(Instant(nanoseconds: nanoseconds))
        #expect(timestamp.secondsSince1970 >= 0)
    }
}
