internal import ControlCodec
internal import ControlProtocol
internal import NIOCore
internal import NIOPosix

/// Answers the control socket: one line in, one line out (ControlProtocol).
///
/// Only root may connect; the socket's permissions say so.
struct ControlServer {
    /// Clients at a time; a further one waits in the kernel's queue.
    static let backlog: Int32 = 16

    /// Listens at `path`, and answers requests by `answer` on the event loop.
    static func start(
        path: String, eventLoop: any EventLoop, answer: @escaping @Sendable (ControlRequest) -> [UInt8]
    ) async throws -> any Channel {
        try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: Self.backlog)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ControlConnection(answer: answer))
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }
}

/// One client of the control socket.
private final class ControlConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: @Sendable (ControlRequest) -> [UInt8]
    private var lines = LineBuffer(limit: ControlSchema.maximumRequestBytes)

    init(answer: @escaping @Sendable (ControlRequest) -> [UInt8]) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = self.unwrapInboundIn(data)
        do throws(LineBuffer.TooLong) {
            for line in try self.lines.append(Array(buffer.readableBytesView)) {
                self.reply(to: line, context)
            }
        } catch {
            let refusal = ControlError(.tooLarge, "the request is longer than \(error.limit) bytes")
            self.write(ControlCodec.line(ControlReply<VersionReport>.failure(refusal)), context)
            context.close(promise: nil)
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

    private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }
}
