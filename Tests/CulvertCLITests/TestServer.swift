internal import Foundation
internal import Glibc

/// A daemon of one conversation on a unix socket in a directory of its own.
///
/// It is `Sendable` because the thread that serves touches nothing but what it got by value.
final class TestServer: Sendable {
    /// What the server does with the one request that it gets.
    enum Behavior: Sendable {
        /// Sends these bytes and closes.
        case answer([UInt8])
        /// Sends these bytes one by one and closes.
        case dribble([UInt8])
        /// Keeps the connection open and says nothing until the client goes.
        case silence
    }

    /// The socket's path.
    let path: String
    private let directory: URL
    private let listener: Int32

    /// Listens, and serves one client on a thread.
    init(_ behavior: Behavior) throws {
        self.directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("culvert-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: self.directory, withIntermediateDirectories: true)
        self.path = self.directory.appendingPathComponent("c.sock").path
        self.listener = try Self.listen(at: self.path)
        let listener = self.listener
        Thread.detachNewThread { Self.serve(listener, behavior) }
    }

    deinit {
        // Wakes a server that still waits for a client.
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
        try? FileManager.default.removeItem(at: self.directory)
    }

    private static func listen(at path: String) throws -> Int32 {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            unsafe $0.copyBytes(from: path.utf8.prefix(107))
        }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, Glibc.listen(listener, 1) == 0 else { throw POSIXError(.EADDRINUSE) }
        return listener
    }

    private static func serve(_ listener: Int32, _ behavior: Behavior) {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        defer { close(client) }
        let handle = FileHandle(fileDescriptor: client, closeOnDealloc: false)
        var request: [UInt8] = []
        while !request.contains(0x0a) {
            let bytes = handle.availableData
            guard !bytes.isEmpty else { return }
            request += bytes
        }
        switch behavior {
        case .answer(let bytes): send(bytes, to: client)
        case .dribble(let bytes): for byte in bytes { send([byte], to: client) }
        case .silence: _ = handle.availableData
        }
    }

    private static func send(_ bytes: [UInt8], to client: Int32) {
        unsafe bytes.withUnsafeBytes {
            _ = unsafe Glibc.send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }
}
