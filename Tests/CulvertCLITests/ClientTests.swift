internal import ControlProtocol
internal import Foundation
internal import Testing

@testable internal import CulvertCLI

/// The client against a socket, without the program around it.
struct ClientTests {
    @Test func `a reply in small pieces is one line`() throws {
        let server = try TestServer(.dribble(Array(#"{"schema":1}"#.utf8) + [0x0a]))
        let reply = try ControlClient(socketPath: server.path).reply(to: .version)
        #expect(String(decoding: reply, as: UTF8.self) == #"{"schema":1}"#)
    }

    @Test func `a daemon that closes before the end of the line did not answer`() throws {
        let server = try TestServer(.answer(Array(#"{"schema":1"#.utf8)))
        let sentence = unreachable(server.path)
        #expect(sentence == "culvertd closed the connection at \(server.path) without an answer. See its log")
    }

    @Test func `a daemon that keeps still is left alone after a while`() throws {
        let server = try TestServer(.silence)
        let sentence = unreachable(server.path, timeoutSeconds: 1)
        #expect(
            sentence == "culvertd does not answer: it kept still for 1 s at \(server.path). See its log")
    }

    @Test func `no socket at all means that no daemon runs`() {
        #expect(
            unreachable("/nonexistent/c.sock")
                == "culvertd is not running, or not with this socket: there is no /nonexistent/c.sock. "
                + "Start culvertd, or name its socket with --socket")
    }

    @Test func `a file that is no socket has nobody behind it`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(unreachable(file.path).hasPrefix("culvertd is not running: nobody listens at \(file.path). "))
    }

    @Test func `a path longer than any socket's is said to be so`() {
        let path = "/" + String(repeating: "x", count: 107)
        #expect(unreachable(path).hasSuffix("is longer than the 107 bytes that a socket's path may have"))
    }

    private func unreachable(_ path: String, timeoutSeconds: Int32 = 10) -> String {
        let client = ControlClient(socketPath: path, timeoutSeconds: timeoutSeconds)
        let error = #expect(throws: DaemonUnreachable.self) { try client.reply(to: .version) }
        return error?.sentence ?? ""
    }
}
