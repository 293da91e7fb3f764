internal import IPsecModel
internal import Testing

@testable internal import UserspaceESP

/// Paths that leave less room inside the tunnel than IP needs.
@Suite(.serialized) struct NarrowPathTests {
    // IPv4, UDP, ESP, IV and ICV of AES-GCM around it (RFC 4106), and two bytes of trailer behind a multiple of four.
    private static func room(of path: Int) -> Int { (path - 20 - 8 - 8 - 8 - 16) / 4 * 4 - 2 }

    @Test(arguments: [
        (1_300, "IPv6 needs (1280)"), (600, "IPv4 and IPv6 need (576, 1280)"),
    ])
    func `a path that is too narrow is said once, with what is done about it`(mtu: Int, needs: String) throws
    {
        let wire = try Wire()
        // Afterwards: IPv6 does not live on a link with less than 1,280.
        try wire.near.ip("link set wire mtu \(mtu)")
        let site = try Site(wire.near)
        let child = try Child.near()
        try site.install(child)
        #expect(
            site.plane.control.drain().notes == [
                "the path to \(child.path.remote) carries packets of \(mtu) bytes, which leaves "
                    + "\(Self.room(of: mtu)) inside the tunnel, fewer than \(needs): longer ones travel as fragments "
                    + "of ESP"
            ])
        var path = child.path
        path.remote.port += 1
        try site.move([child], to: path)
        #expect(site.plane.control.drain().notes == [])
    }

    @Test func `a path that is wide enough is not worth a word`() throws {
        let wire = try Wire()
        defer { extendLifetime(wire) }
        let site = try Site(wire.near)
        try site.install(try Child.near())
        #expect(site.plane.control.drain().notes == [])
    }
}
