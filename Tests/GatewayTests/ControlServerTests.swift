import ControlCodec
import ControlProtocol
import Foundation
import IKECore
import IPsecModel
import LinuxIO
import NIOCore
import NIOPosix
import SimNet
import Testing
@testable import Gateway

/// The control socket, through a real one, with the codec that `culvert` uses.
@Suite struct ControlServerTests {
    /// A server whose answers are `answer`'s, and what `body` makes of its path.
    private func withServer(
        answer: @escaping @Sendable (ControlRequest) -> [UInt8] = { _ in
            ControlCodec.line(ControlReply.success(VersionReport()))
        },
        _ body: @escaping @Sendable (String) throws -> Void
    ) async throws {
        // As the daemon does; tests beside this one make nothing that others should read.
        FileSystem.keepNewFilesPrivate()
        let folder = try TemporaryFolder()
        let path = folder.path + "/c.sock"
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await ControlServer.start(path: path, eventLoop: eventLoop, answer: answer)
        // The client's calls block, so they have a thread of their own.
        let result = await Task.detached { Result { try body(path) } }.value
        try await server.close()
        #expect(try folder.names == [])
        try result.get()
    }

    private static func line(_ socket: borrowing UnixClientSocket) throws -> [UInt8] {
        var buffer = LineBuffer(limit: ControlSchema.maximumReplyBytes)
        while true {
            let bytes = try socket.receive(atMost: 65_536)
            if bytes.isEmpty { return [] }
            if let line = try buffer.append(bytes).first { return line }
        }
    }

    private static func ask(_ path: String, _ line: [UInt8]) throws -> [UInt8] {
        let socket = try UnixClientSocket(path: path, timeoutSeconds: 10)
        try socket.send(line)
        return try Self.line(socket)
    }

    private static func error(_ line: [UInt8]) throws -> ControlError? {
        guard case .failure(let error) = try ControlCodec.reply(VersionReport.self, line) else { return nil }
        return error
    }

    @Test func `a request has a reply, and the socket is root's alone`() async throws {
        try await self.withServer { path in
            let line = try Self.ask(path, ControlCodec.line(ControlRequest.version))
            let reply = try ControlCodec.reply(VersionReport.self, line)
            #expect(reply == .success(VersionReport()))
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o700)
        }
    }

    @Test func `several requests on one connection are answered in order`() async throws {
        try await self.withServer(
            answer: { request in
                guard case .showSA(let name) = request else { return [] }
                return ControlCodec.line(
                    ControlReply<VersionReport>.success(VersionReport(version: name.connection)))
            },
            { path in
                let socket = try UnixClientSocket(path: path, timeoutSeconds: 10)
                let names = (0..<100).map { "n\($0)" }
                try socket.send(
                    names.flatMap { ControlCodec.line(ControlRequest.showSA(SAName(connection: $0))) })
                var buffer = LineBuffer(limit: 1_000_000)
                var answers: [String] = []
                while answers.count < names.count {
                    for line in try buffer.append(try socket.receive(atMost: 4_096)) {
                        guard case .success(let body) = try ControlCodec.reply(VersionReport.self, line)
                        else {
                            continue
                        }
                        answers.append(body.version)
                    }
                }
                #expect(answers == names)
            })
    }

    @Test(arguments: [
        ("nonsense\n", ControlError.Code.badRequest), ("{}\n", .badRequest), ("\n", .badRequest),
        ("{\"schema\":99,\"command\":\"status\"}\n", .unsupportedSchema),
        ("{\"schema\":1,\"command\":\"dance\"}\n", .unknownCommand),
    ])
    func `a line that is no request is refused, and the connection goes on`(
        text: String, code: ControlError.Code
    ) async throws {
        try await self.withServer { path in
            let socket = try UnixClientSocket(path: path, timeoutSeconds: 10)
            try socket.send(Array(text.utf8))
            #expect(try Self.error(Self.line(socket))?.code == code)
            try socket.send(ControlCodec.line(ControlRequest.version))
            #expect(try Self.error(Self.line(socket)) == nil)
        }
    }

    @Test func `a request without end is refused, and the connection closed`() async throws {
        try await self.withServer { path in
            let socket = try UnixClientSocket(path: path, timeoutSeconds: 10)
            let flood = [UInt8](repeating: 0x20, count: ControlSchema.maximumRequestBytes + 1_000)
            try socket.send(flood)
            #expect(try Self.error(Self.line(socket))?.code == .tooLarge)
        }
    }

    @Test func `a client beyond the limit is told so, and there is room again when others go`() async throws {
        try await self.withServer { path in
            do {
                let crowd = try Crowd(ControlServer.maximumClients, path)
                try crowd.allAnswered()
                let late = try UnixClientSocket(path: path, timeoutSeconds: 10)
                #expect(
                    try Self.error(Self.line(late))?.message.contains("clients are connected already") == true
                )
            }
            // The server hears of the hangups in its own time.
            for _ in 0..<200 {
                let reply = try Self.ask(path, ControlCodec.line(ControlRequest.version))
                if try Self.error(reply) == nil { return }
            }
            Issue.record("there is no room again")
        }
    }

    /// Several clients at a time.
    private final class Crowd {
        private let first: Client?

        /// Sockets cannot be kept in an array, so each client holds the next.
        private final class Client {
            let socket: UnixClientSocket
            let next: Client?

            init(_ path: String, next: Client?) throws {
                self.socket = try UnixClientSocket(path: path, timeoutSeconds: 10)
                self.next = next
            }
        }

        init(_ count: Int, _ path: String) throws {
            var last: Client?
            for _ in 0..<count { last = try Client(path, next: last) }
            self.first = last
        }

        func allAnswered() throws {
            var client = self.first
            while let current = client {
                try current.socket.send(ControlCodec.line(ControlRequest.version))
                #expect(try ControlServerTests.error(ControlServerTests.line(current.socket)) == nil)
                client = current.next
            }
        }
    }

    @Test func `a socket that a crashed daemon left is replaced`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/c.sock"
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await ControlServer.start(path: path, eventLoop: eventLoop) { _ in [] }
        // Closing it removes its file; a crash does not.
        try FileManager.default.linkItem(atPath: path, toPath: path + ".kept")
        try await server.close()
        try FileManager.default.moveItem(atPath: path + ".kept", toPath: path)
        let next = try await ControlServer.start(path: path, eventLoop: eventLoop) { _ in [] }
        try await next.close()
        #expect(try folder.names == [])
    }

    static let places: [(String, String)] = [
        ("file", "something else than a socket is there"), ("missing/c.sock", "No such file or directory"),
        (String(repeating: "x", count: 120), "the path is longer than 107 bytes"),
    ]

    @Test(arguments: places)
    func `a place where no socket can be is refused with a sentence`(name: String, words: String) async throws
    {
        let folder = try TemporaryFolder()
        try folder.write("precious", to: "file")
        let path = "\(folder.path)/\(name)"
        let error = await #expect(throws: StartupError.self) {
            try await ControlServer.start(path: path, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
            {
                _ in []
            }
        }
        #expect(error?.description == "cannot listen on the control socket \(path): \(words)")
        #expect(try folder.names == ["file"])
    }
}

/// What the daemon answers.
@Suite struct ControlAnswersTests {
    private func reply<Body: Codable & Sendable>(
        _ type: Body.Type, _ site: Site, _ request: ControlRequest
    ) throws -> Body {
        let line = site.answers.line(for: request)
        #expect(line.last == 0x0a)
        switch try ControlCodec.reply(type, line.dropLast()) {
        case .success(let body): return body
        case .failure(let error): throw error
        }
    }

    @Test func `status has the daemon, its sockets and each connection`() throws {
        let site = try Site()
        try site.connect()
        let status = try self.reply(StatusReport.self, site, .status)
        #expect(status.listen.map(\.endpoint) == ["203.0.113.2:500", "203.0.113.2:4500"])
        #expect(status.dataPlane.name == "fake")
        #expect(status.peers.map(\.name) == ["site-a", "site-c"])
        #expect(status.totals.peersUp == 1)
        #expect(status.config.path.hasSuffix("culvert.conf"))
        #expect(status.unmatchedFailures == nil)
        #expect(status.uptimeSeconds >= 0)
    }

    @Test func `status has what the data plane dropped, if it counts that`() throws {
        let site = try Site()
        #expect(try self.reply(StatusReport.self, site, .status).dataPlane.dropped == nil)
        site.plane.dropped = ["unknown_spi": 3]
        #expect(try self.reply(StatusReport.self, site, .status).dataPlane.dropped == ["unknown_spi": 3])
    }

    @Test func `a child has the tunnel's sizes, if the data plane knows them`() throws {
        let site = try Site()
        try site.connect()
        #expect(site.report("site-a")?.children.first?.mtu == nil)
        site.plane.size = TunnelSize(inner: 1_438, path: 1_500, mss: 1_398)
        let child = try #require(site.report("site-a")?.children.first)
        #expect([child.mtu, child.pathMTU, child.mss] == [1_438, 1_500, 1_398])
    }

    @Test func `status counts what was dropped, and only that`() throws {
        let site = try Site()
        #expect(try self.reply(StatusReport.self, site, .status).dropped == [:])
        site.peer.send([1, 2, 3])
        site.net.run(for: .seconds(1))
        #expect(try self.reply(StatusReport.self, site, .status).dropped == ["malformed": 1])
    }

    @Test func `sa list leaves out connections without an IKE_SA`() throws {
        let site = try Site()
        #expect(try self.reply(SAReport.self, site, .listSAs).peers.isEmpty)
        try site.connect()
        #expect(try self.reply(SAReport.self, site, .listSAs).peers.map(\.name) == ["site-a"])
    }

    @Test func `sa show takes a connection with or without the ID of an IKE_SA`() throws {
        let site = try Site()
        try site.connect()
        let id = try #require(site.report("site-a")?.ike?.id)
        for name in [SAName(connection: "site-a"), SAName(connection: "site-a", id: id)] {
            #expect(try self.reply(SAReport.self, site, .showSA(name)).peers.count == 1)
        }
        #expect(throws: ControlError(.notFound, "there is no connection 'hq'")) {
            try self.reply(SAReport.self, site, .showSA(SAName(connection: "hq")))
        }
        #expect(throws: ControlError(.notFound, "connection 'site-a' has no IKE_SA with the ID 99")) {
            try self.reply(SAReport.self, site, .showSA(SAName(connection: "site-a", id: 99)))
        }
    }

    @Test func `terminate names what it ends, once`() throws {
        let site = try Site()
        try site.connect()
        let child = ControlRequest.terminate(SAName(connection: "site-a"), child: "net")
        let ended = try self.reply(TerminateReport.self, site, child).terminated
        #expect(ended.map(\.child) == ["net"])
        #expect(throws: ControlError.self) { try self.reply(TerminateReport.self, site, child) }
        let all = ControlRequest.terminate(SAName(connection: "site-a"), child: nil)
        #expect(try self.reply(TerminateReport.self, site, all).terminated.map(\.name) == ["site-a"])
        let again = ControlError(.notFound, "the IKE_SA of connection 'site-a' is being deleted already")
        #expect(throws: again) {
            try self.reply(TerminateReport.self, site, all)
        }
        #expect(throws: ControlError(.notFound, "there is no connection 'hq'")) {
            try self.reply(
                TerminateReport.self, site, .terminate(SAName(connection: "hq"), child: nil))
        }
    }

    @Test func `reload tells what changed, or what is wrong where`() throws {
        let site = try Site()
        try site.rewrite(Site.configuration(further: "site-d"))
        #expect(try self.reply(ReloadReport.self, site, .reload).added == ["site-d"])
        try site.rewrite("nonsense = 1\n")
        let error = #expect(throws: ControlError.self) { try self.reply(ReloadReport.self, site, .reload) }
        #expect(error?.diagnostics?.first?.line == 1)
    }
}
