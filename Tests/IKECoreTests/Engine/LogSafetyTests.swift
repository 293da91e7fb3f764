import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// No key ever reaches a log.
@Suite(.networkCapture) struct LogSafetyTests {
    /// Everything that a log or a listener could print of a bench's life.
    private func everythingPrintable(_ bench: Bench) -> String {
        var text = ""
        for event in bench.gateway.events {
            text += String(describing: event) + "\n" + String(reflecting: event) + "\n"
            dump(event, to: &text)
        }
        for snapshot in bench.engine.snapshots {
            text += String(describing: snapshot) + "\n"
            dump(snapshot, to: &text)
        }
        dump(bench.engine.context.configuration, to: &text)
        text += String(describing: bench.engine.context.configuration)
        return text
    }

    /// The ways in which bytes show up in text.
    private func appearances(_ secret: [UInt8]) -> [String] {
        let hex = hexadecimal(secret)
        let list = secret.map(String.init).joined(separator: ", ")
        return [hex, hex.uppercased(), list, String(decoding: secret, as: UTF8.self)]
    }

    @Test func `no secret of a whole life of an IKE_SA is in what it tells`() throws {
        let bench = Bench { configuration in
            configuration.connections[0].livenessDelay = .seconds(10)
        }
        bench.gateway.crypto.remembersSecrets = true
        try bench.connect()
        try bench.finish(bench.peer.createChild(replacing: bench.peer.children[0], keyExchange: .x25519))
        try bench.finish(bench.peer.delete([bench.peer.children[0]]))
        try bench.finish(bench.peer.rekeyIKESA())
        try bench.finish(bench.peer.probe())
        bench.kernel.failing = [.install]
        try bench.finish(bench.peer.createChild())
        let stranger = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 8))) { $0.psk = [1, 2, 3] }
        try bench.connect(stranger)
        let unknown = bench.addPeer(at: .v4(IPv4Address(198, 51, 100, 9))) { $0.identity = .fqdn("u.test") }
        try bench.connect(unknown)
        bench.net.run(for: .seconds(12))
        let printed = self.everythingPrintable(bench)
        #expect(printed.contains("site-a"))
        #expect(bench.gateway.events.count > 6)

        var secrets = bench.gateway.crypto.secrets + [Configurations.psk]
        // The peer's own derivation of them, which the engine had no hand in.
        for ikeSA in bench.peer.ikeSAs {
            secrets += [ikeSA.keys.skD, ikeSA.keys.skEi, ikeSA.keys.skEr, ikeSA.keys.skPi, ikeSA.keys.skPr]
        }
        for child in bench.peer.children {
            secrets += [child.inboundKeys, child.outboundKeys].map(\.encryption.publicBytes)
        }
        #expect(secrets.count > 40)
        let found = secrets.filter { secret in
            secret.count >= 16 && self.appearances(secret).contains { printed.contains($0) }
        }
        #expect(found.isEmpty)
    }

    @Test func `the search finds what is there`() {
        let secret = [UInt8](0..<16)
        #expect(self.appearances(secret).contains { "keys: \(hexadecimal(secret))".contains($0) })
        #expect(self.appearances(secret).contains { "\(secret)".contains($0) })
    }
}
