internal import ControlCodec
internal import ControlProtocol
internal import LinuxIO
internal import NIOCore
internal import NIOPosix

/// Answers the control socket: one line in, one line out (ControlProtocol).
///
/// Only root may connect; the socket's permissions say so.
enum ControlServer {
    /// Clients at a time; a further one is told to come again.
    static let maximumClients = 64

    /// Listens at `path`, and answers requests by `answer` on the event loop.
    ///
    /// - Throws: `StartupError`.
    static func start(
        path: String, eventLoop: any EventLoop, answer: @escaping @Sendable (ControlRequest) -> [UInt8]
    ) async throws -> any Channel {
        let clients = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: eventLoop)
        let bootstrap = ServerBootstrap(group: eventLoop).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    ControlConnection(clients: clients, answer: answer))
            }
        }
        do {
            return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        } catch {
            throw StartupError("cannot listen on the control socket \(path): \(Self.reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: return errorText(error.errnoCode)
        case is UnixDomainSocketPathWrongType: return "something else than a socket is there"
        case SocketAddressError.unixDomainSocketPathTooLong: return "the path is longer than 107 bytes"
        default: return "\(error)"
        }
    }
}

/// One client of the control socket.
private final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let clients: NIOLoopBoundBox<Int>
    private let answer: @Sendable (ControlRequest) -> [UInt8]
    private var lines = LineBuffer(limit: ControlSchema.maximumRequestBytes)

    init(clients: NIOLoopBoundBox<Int>, answer: @escaping @Sendable (ControlRequest) -> [UInt8]) {
        self.clients = clients
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        self.clients.value += 1
        guard self.clients.value > ControlServer.maximumClients else { return }
        self.refuse(
            ControlError(.failed, "\(ControlServer.maximumClients) clients are connected already"), context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.clients.value -= 1
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        do throws(LineBuffer.TooLong) {
            for line in try self.lines.append(Array(buffer.readableBytesView)) {
                self.reply(to: line, context)
            }
        } catch {
            self.refuse(ControlError(.tooLarge, "the request is longer than \(error.limit) bytes"), context)
        }
    }

    /// Who asks without reading the answers is not asked for more.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        context.channel.setOption(.autoRead, value: context.channel.isWritable).whenFailure { _ in
            // The channel is closed, and nothing is read any more.
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A client that went away: nothing is lost but its answer.
        context.close(promise: nil)
    }

    private func reply(to line: [UInt8], _ context: ChannelHandlerContext) {
        do throws(ControlError) {
            self.write(self.answer(try ControlCodec.request(line)), context)
        } catch {
            self.write(ControlCodec.line(ControlReply<VersionReport>.failure(error)), context)
        }
    }

    private func refuse(_ error: ControlError, _ context: ChannelHandlerContext) {
        self.write(ControlCodec.line(ControlReply<VersionReport>.failure(error)), context)
        context.close(promise: nil)
    }

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
