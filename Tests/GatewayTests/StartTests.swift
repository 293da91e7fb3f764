import IKECore
import IPsecModel
import LinuxIO
import Logging
import Testing
@testable import Gateway

/// What keeps a daemon from starting.
@Suite struct InstanceLockTests {
    @Test func `a second daemon on the same socket is refused, until the first is gone`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/run/c.sock"
        var first: InstanceLock? = try InstanceLock(socketPath: path)
        let error = #expect(throws: StartupError.self) { try InstanceLock(socketPath: path) }
        #expect(
            error?.description
                == "culvertd is running already on \(path): stop it first, or use another --socket")
        _ = try InstanceLock(socketPath: folder.path + "/run/other.sock")
        withExtendedLifetime(first) {}
        first = nil
        _ = try InstanceLock(socketPath: path)
    }

    @Test func `a folder that cannot be made is named`() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: StartupError.self) {
            try InstanceLock(socketPath: folder.path + "/a/b/c.sock")
        }
        #expect(
            error?.description
                == "cannot make the folder \(folder.path)/a/b for the control socket: No such file or directory"
        )
        #expect(try folder.names == [])
    }

    @Test func `a file in the folder's place is named`() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("", to: "file")
        let error = #expect(throws: StartupError.self) { try InstanceLock(socketPath: file + "/c.sock") }
        #expect(error?.description == "cannot lock \(file)/c.sock.lock: Not a directory")
    }
}

@Suite(.enabled(if: Host.hasNetworkAdministration)) struct SocketSetTests {
    @Test func `there are four sockets, two of each family, and each sends from its own port`() throws {
        let sockets = try SocketSet(ike: 0, natTraversal: 0, log: RecordedLog().log())
        #expect(sockets.endpoints.map(\.address.family) == [.v4, .v4, .v6, .v6])
        #expect(sockets.all.map(\.kind) == [.ike, .natTraversal, .ike, .natTraversal])
        let loopback = IPAddress.v4(IPv4Address(127, 0, 0, 1))
        let target = Endpoint(loopback, sockets.endpoints[1].port)
        try sockets.send([1], from: Endpoint(loopback, sockets.endpoints[0].port), to: target)
        let nowhere = #expect(throws: IOFault.self) {
            try sockets.send([1], from: Endpoint(loopback, 1), to: target)
        }
        #expect(nowhere?.text == "no socket is bound there")
    }

    @Test(arguments: [AddressFamily.v4, .v6], [true, false])
    func `a busy port is refused with its number and what finds the other program`(
        family: AddressFamily, isIKE: Bool
    ) throws {
        let other = try IKESocket(bindingTo: Endpoint(family.unspecified, 0), role: [])
        let port = other.localEndpoint.port
        let error = #expect(throws: StartupError.self) {
            try SocketSet(ike: isIKE ? port : 0, natTraversal: isIKE ? 0 : port, log: RecordedLog().log())
        }
        let sentence = try #require(error?.description)
        #expect(sentence.contains("UDP port \(port) is already in use on this host; stop the other program"))
        #expect(sentence.contains("ss -ulpn"))
        withExtendedLifetime(other) {}
    }
}
