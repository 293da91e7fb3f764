import ControlProtocol
import Foundation
import IKECore
import IKEWire
import IPsecModel
import SimNet
import Testing
@testable import Gateway

/// At the most talkative level, through a life of a site, nothing secret is in the log or on the control socket.
@Suite struct LogSafetyTests {
    /// Everything that came out: log lines and answers.
    private func output(_ site: Site) -> String {
        let requests: [ControlRequest] = [
            .status, .listSAs, .showSA(SAName(connection: "site-a")), .reload, .version,
        ]
        let answers = requests.map { String(decoding: site.answers.line(for: $0), as: UTF8.self) }
        return (site.log.lines + answers).joined()
    }

    @Test func `negotiation, failures, reloads and reports never show a secret, raw, in hex or in base 64`()
        throws
    {
        let site = try Site()
        site.peer.settings.psk = Array("wrong key of the peer".utf8)
        try site.connect()
        site.peer.settings.psk = Array(Site.key.utf8)
        try site.connect()
        try site.peer.ask(.informational, [])
        site.net.run(for: .seconds(1))
        try #require(site.report("site-a")?.state == .established)
        var output = self.output(site)
        try site.rewrite(Site.configuration(key: "fresh key \"with a stray quote"))
        output += self.output(site)
        try site.rewrite(Site.configuration(key: "fresh key of a good file"))
        output += self.output(site)
        _ = site.loop.command(.shutDown)
        output += self.output(site)

        #expect(output.contains("IKE_AUTH request 1"))
        #expect(output.contains("IKE_SA established"))
        let keys = [
            Site.key, "another one for C and B alone", "fresh key", "wrong key of the peer",
        ].map { Array($0.utf8) }
        let derived = site.crypto.secrets.filter { $0.count >= 8 }
        // SKEYSEED, seven keys of the IKE_SA, AUTH and KEYMAT at least.
        #expect(derived.count > 10)
        for secret in keys + derived {
            #expect(!Self.shows(output, secret))
        }
    }

    @Test func `the search finds what it should`() {
        let secret: [UInt8] = [0xa5, 0x01, 0x02, 0xff, 0x10, 0x20, 0x30, 0x40]
        #expect(Self.shows("x a50102FF10203040 y", secret))
        #expect(Self.shows("x \(Data(secret).base64EncodedString()) y", secret))
        #expect(Self.shows("the key plain text", Array("plain text".utf8)))
        #expect(!Self.shows("nothing", secret))
    }

    private static func shows(_ output: String, _ secret: [UInt8]) -> Bool {
        let raw = String(decoding: secret, as: UTF8.self)
        return output.contains(raw) || output.lowercased().contains(hexadecimal(secret))
            || output.contains(Data(secret).base64EncodedString())
    }
}
