import ControlProtocol
import Foundation
import IKECore
import IPsecModel
import LinuxIO
import SimNet
import Testing
@testable import Gateway

/// Reload is all or nothing, and touches only what changed.
@Suite struct SessionTests {
    private func reload(_ site: Site) throws -> ReloadReport {
        switch site.session.reload(site.loop) {
        case .success(let report): return report
        case .failure(let error): throw error
        }
    }

    /// Errno 111 and 113: connection refused, no route to host.
    @Test(arguments: [111, 113] as [Int32])
    func `a send that fails, as after an ICMP error, ends nothing, and the answer goes out later`(
        errno: Int32
    ) throws {
        let site = try Site()
        try site.connect()
        site.failSending(IOFault(operation: "send", object: "peer", errno: errno))
        let probe = try site.peer.probe()
        site.net.run(for: .seconds(2))
        #expect(probe.answer == nil)
        #expect(site.report("site-a")?.state == .established)
        site.failSending(nil)
        site.net.run(for: .seconds(20))
        #expect(probe.answer?.isEmpty == true)
        #expect(site.report("site-a")?.state == .established)
    }

    @Test func `an unchanged file keeps every SA`() throws {
        let site = try Site()
        try site.connect()
        let before = try #require(site.report("site-a")?.ike)
        let calls = site.plane.calls
        let report = try self.reload(site)
        #expect(report.added.isEmpty && report.changed.isEmpty && report.removed.isEmpty)
        #expect(report.connections == 2)
        #expect(site.report("site-a")?.ike?.id == before.id)
        #expect(site.plane.calls == calls)
        #expect(site.log.says("notice", "reloaded", "nothing changed"))
    }

    @Test func `a changed connection loses its SAs, and the peer is told`() throws {
        let site = try Site()
        try site.connect()
        try site.rewrite(Site.configuration(remote: "10.1.0.0/16"))
        let report = try self.reload(site)
        #expect(report.changed == ["site-a"])
        #expect(site.report("site-a")?.state == .down)
        #expect(site.plane.calls.contains { $0.hasPrefix("remove states") })
        site.net.run(for: .seconds(1))
        #expect(site.peer.ikeSA == nil)
        #expect(site.log.says("IKE_SA ended: its configuration changed"))
    }

    @Test func `a connection that goes takes its SAs with it, one that comes takes nothing`() throws {
        let site = try Site()
        try site.connect()
        try site.rewrite(Site.configuration(further: "site-d"))
        let report = try self.reload(site)
        #expect(report.added == ["site-d"])
        #expect(report.removed == ["site-c"])
        #expect(report.changed == [])
        #expect(site.report("site-a")?.state == .established)
        #expect(site.log.says("+site-d -site-c"))
        try site.rewrite(Site.configuration().replacing("site-a", with: "site-b"))
        #expect(try self.reload(site).removed == ["site-a", "site-d"])
        #expect(site.loop.engine.snapshots.isEmpty)
    }

    @Test func `a changed pre-shared key ends the IKE_SA that was made with it, and the report says so`()
        throws
    {
        let site = try Site()
        try site.connect()
        try site.rewrite(Site.configuration(key: "a new key, much better than the old one"))
        #expect(try self.reload(site).changed == ["site-a"])
        #expect(site.loop.engine.snapshots.isEmpty)
    }

    static let bad: [(String, String)] = [
        (Site.configuration().replacing("remote_ts", with: "remote_tss"), "has errors"),
        ("connections {", "has errors"),
        ("\u{0}\u{1}", "has errors"),
    ]

    @Test(arguments: bad)
    func `a bad file leaves the configuration and the SAs in force`(text: String, words: String) throws {
        let site = try Site()
        try site.connect()
        let calls = site.plane.calls
        try site.rewrite(text)
        guard case .failure(let error) = site.session.reload(site.loop) else {
            Issue.record("a bad file was taken")
            return
        }
        #expect(error.code == .badConfiguration)
        #expect(error.message.contains(words))
        #expect(site.session.configuration.connections.map(\.name) == ["site-a", "site-c"])
        #expect(site.report("site-a")?.state == .established)
        #expect(site.plane.calls == calls)
        #expect(site.log.says("error", "reload refused"))
        // What is in force is what was loaded, and the file on disk is another one.
        #expect(site.session.configReport(WallClock(instant: ControlLoop.now())).changedOnDisk)
    }

    @Test func `another data plane waits for the next start, and the log says so`() throws {
        let site = try Site()
        try site.connect()
        try site.rewrite(Site.configuration(dataPlane: "userspace"))
        #expect(try self.reload(site).changed == [])
        #expect(site.log.says("warning", "data_plane = userspace comes into force when culvertd starts anew"))
        #expect(site.report("site-a")?.state == .established)
    }

    @Test func `a data plane that has UDP alone makes every connection encapsulate, after a reload too`()
        throws
    {
        let site = try Site()
        let path = site.folder.path + "/culvert.conf"
        let now = ControlLoop.now()
        let session = Session(
            file: try LoadedConfiguration.load(path: path, now: now), startedAt: now, dataPlaneReason: "test",
            encapsulatesAll: true, log: site.log.log())
        #expect(session.configuration.connections.allSatisfy { $0.forcesEncapsulation })
        _ = session.reload(site.loop)
        #expect(session.configuration.connections.count == 2)
        #expect(session.configuration.connections.allSatisfy { $0.forcesEncapsulation })
        #expect(site.session.configuration.connections.allSatisfy { !$0.forcesEncapsulation })
    }

    @Test func `a file that is gone leaves the configuration in force`() throws {
        let site = try Site()
        try site.connect()
        try site.rewrite("")
        let empty = try self.reload(site)
        #expect(empty.removed == ["site-a", "site-c"])
        let gone = try Site()
        let path = gone.folder.path + "/culvert.conf"
        try FileManager.default.removeItem(atPath: path)
        guard case .failure(let error) = gone.session.reload(gone.loop) else {
            Issue.record("a file that is not there was taken")
            return
        }
        #expect(error.message == "cannot read the configuration \(path): No such file or directory")
        #expect(gone.session.configuration.connections.count == 2)
    }

    @Test func `each diagnostic of a refused file is one line of the log with its place`() throws {
        let site = try Site()
        try site.rewrite(Site.configuration().replacing("remote_ts", with: "remote_tss"))
        _ = site.session.reload(site.loop)
        let lines = site.log.lines.filter { $0.contains("remote_tss") }
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.contains("culvert.conf:10:") || $0.contains("culvert.conf:21:") })
    }
}

/// The file that the daemon runs by.
@Suite struct LoadedConfigurationTests {
    @Test func `a good file is loaded, and later changes on disk are seen`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(Site.configuration(), to: "culvert.conf")
        let file = try LoadedConfiguration.load(path: path, now: Values.moment)
        #expect(file.configuration.connections.map(\.name) == ["site-a", "site-c"])
        #expect(!file.hasChangedOnDisk)
        try folder.write(Site.configuration(remote: "10.9.0.0/24"), to: "culvert.conf")
        #expect(file.hasChangedOnDisk)
    }

    @Test func `a refusal has the rendered lines for a terminal and the values for the control socket`()
        throws
    {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            "connections {\n    x {\n        nonsense = 1\n    }\n}\n", to: "culvert.conf")
        let refusal = #expect(throws: ConfigurationRefusal.self) {
            try LoadedConfiguration.load(path: path, now: Values.moment)
        }
        let first = try #require(refusal?.diagnostics.first { $0.message.contains("nonsense") })
        #expect(first.line == 3)
        #expect(refusal?.lines.contains { $0.contains("nonsense = 1") && $0.contains("^~~~") } == true)
        #expect(refusal?.logLines.allSatisfy { !$0.contains("\n") } == true)
    }

    @Test func `a folder is no configuration`() throws {
        let folder = try TemporaryFolder()
        let refusal = #expect(throws: ConfigurationRefusal.self) {
            try LoadedConfiguration.load(path: folder.path, now: Values.moment)
        }
        #expect(refusal?.sentence == "cannot read the configuration \(folder.path): Is a directory")
    }
}
