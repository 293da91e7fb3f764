internal import ControlProtocol
internal import Foundation
internal import Testing

/// The values that Vectors/status.json spells out, made in code.
enum Samples {
    static let now = time("2026-11-23T12:31:07Z")

    static func time(_ text: String) -> Timestamp {
        // A text with a mistake becomes 1970, which no vector has.
        Timestamp(text) ?? Timestamp(secondsSince1970: 0)
    }

    static let config = ConfigReport(
        path: "/etc/culvert/culvert.conf", loadedAt: time("2026-11-20T09:14:00Z"), changedOnDisk: false)

    static let status = StatusReport(
        reportedAt: now, version: "1.0.0", startedAt: time("2026-11-20T08:19:07Z"), uptimeSeconds: 274_320,
        config: config,
        listen: [ListenReport(endpoint: "192.168.1.10:500"), ListenReport(endpoint: "[::]:4500")],
        dataPlane: DataPlaneReport(
            name: "userspace-esp (culvert0, OpenSSL 3.0.19)", reason: "the kernel has no ESP",
            dropped: ["unknown_spi": 3]),
        halfOpen: 2, dropped: ["malformed": 7, "unknown IKE SPI": .max], peers: [hq, warehouse],
        unmatchedFailures: [stranger])

    static let hq: PeerReport = {
        var peer = PeerReport(
            name: "hq", state: .established,
            configured: ConfiguredReport(
                localAddresses: ["192.168.1.10"], remoteAddresses: ["%any"],
                remoteIdentity: "gwB@example.net", children: ["net", "voice"]))
        var ike = IKEReport(
            id: 7, isInitiator: true, initiatorSPI: "794d8008224629e1", responderSPI: "c36b8d1abf9c8c53",
            establishedAt: time("2026-11-21T09:20:11Z"), proposal: "aes256gcm16-prfsha384-ecp384",
            local: PartyReport(identity: "gwA@example.net", authentication: "psk"),
            remote: PartyReport(identity: "gwB@example.net", authentication: "psk"))
        ike.rekeys = 14
        ike.rekeyedAt = time("2026-11-23T12:12:47Z")
        ike.rekeyAt = time("2026-11-23T13:12:17Z")
        ike.expiresAt = time("2026-11-23T13:18:17Z")
        ike.fragmentSize = 1_280
        ike.mobike = true
        peer.ike = ike
        peer.path = PathReport(
            kind: .udpEncapsulation, local: "192.168.1.10:4500", remote: "203.0.113.7:31022",
            confirmedAt: time("2026-11-23T12:31:03Z"))
        var nat = NATReport(local: NATReport.Side(behind: true), remote: NATReport.Side(behind: true))
        nat.lastChange = NATReport.Change(
            at: time("2026-11-23T06:19:07Z"), from: "203.0.113.7:28810", to: "203.0.113.7:31022",
            seenIn: "esp")
        nat.changes = 3
        nat.keepaliveSeconds = 45
        nat.nextKeepaliveAt = time("2026-11-23T12:31:38Z")
        nat.keepalivesSent = 9_480
        peer.nat = nat
        peer.liveness = LivenessReport(delaySeconds: 30, lastInboundAt: time("2026-11-23T12:31:03Z"))
        peer.children = [net]
        return peer
    }()

    static let net: ChildReport = {
        var child = ChildReport(
            name: "net", state: .installed, reqid: 3, encap: "udp", inboundSPI: "c2a81f07",
            outboundSPI: "4f10b2c9", localTS: ["10.1.0.0/24"], remoteTS: ["10.2.0.0/24"],
            esp: "aes256gcm16-esn", esn: true, replayWindow: 1_024, installedAt: time("2026-11-23T12:12:47Z"))
        child.bytesIn = 1_187_310_442
        child.bytesOut = 315_902_113
        child.packetsIn = 1_204_881
        child.packetsOut = 511_204
        child.lastInAt = time("2026-11-23T12:31:06Z")
        child.lastOutAt = time("2026-11-23T12:31:05Z")
        child.replayed = 1
        child.late = 12
        child.badICV = 0
        child.sequenceOut = 511_188
        child.mtu = 1_438
        child.pathMTU = 1_500
        child.mss = 1_398
        child.rekeyAt = time("2026-11-23T13:12:17Z")
        child.expiresAt = time("2026-11-23T13:18:17Z")
        return child
    }()

    static let warehouse: PeerReport = {
        var peer = PeerReport(
            name: "warehouse", state: .failed,
            configured: ConfiguredReport(
                localAddresses: ["%any"], remoteAddresses: ["192.0.2.80"], remoteIdentity: "%any",
                children: ["net"]))
        var failure = FailureReport(
            at: time("2026-11-23T12:30:22Z"), stage: "IKE_SA_INIT",
            reason: "no proposal of the peer is one of ours")
        failure.notify = "NO_PROPOSAL_CHOSEN"
        failure.isFromPeer = false
        failure.remote = "192.0.2.80:500"
        failure.ours = ["aes256gcm16-prfsha384-ecp384"]
        failure.theirs = ["aes256-sha256-modp2048"]
        peer.lastFailure = failure
        return peer
    }()

    static let stranger: FailureReport = {
        var failure = FailureReport(
            at: time("2026-11-23T12:30:00Z"), stage: "IKE_AUTH",
            reason: "no connection expects ID_FQDN stranger.example")
        failure.remote = "198.51.100.9:4500"
        return failure
    }()
}

/// A file of Vectors without its first line, which names the source.
func vector(_ name: String) throws -> String {
    let url = try #require(Bundle.module.url(forResource: "Vectors/\(name)", withExtension: nil))
    let text = try String(contentsOf: url, encoding: .utf8)
    return String(try #require(text.split(separator: "\n", maxSplits: 1).last))
}
