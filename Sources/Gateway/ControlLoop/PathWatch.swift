internal import IPsecModel
internal import NIOCore
internal import Routing

/// Tells the control loop of changes of this host's addresses and routes, not of each one: they come in swarms.
///
/// Confined to the event loop of `loop`.
final class PathWatch {
    private let watch: AddressWatch
    private let loop: ControlLoop
    private var timer: Scheduled<Void>?
    private var toldAt: NIODeadline?

    /// What belongs to one change comes within this time.
    private static let gathering: TimeAmount = .milliseconds(200)
    /// The least time between two reports. Each costs a route lookup for every IKE_SA that we began.
    private static let pause: TimeAmount = .seconds(2)

    /// Begins to listen.
    init(_ loop: ControlLoop) throws(KernelFault) {
        self.watch = try AddressWatch()
        self.loop = loop
    }

    /// Lends the descriptor's number, to wait for changes with.
    func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.watch.withDescriptor(body)
    }

    /// There is something to read.
    func drain() {
        guard self.watch.drain(), self.timer == nil else { return }
        let now = NIODeadline.now()
        let earliest = max(now + Self.gathering, self.toldAt.map { $0 + Self.pause } ?? now)
        self.timer = self.loop.eventLoop.assumeIsolated().scheduleTask(deadline: earliest) {
            self.timer = nil
            self.tell()
        }
    }

    /// Reports how it is now.
    func tell() {
        self.toldAt = .now()
        do throws(KernelFault) {
            self.loop.receive(addresses: try self.watch.addresses())
        } catch {
            self.loop.log.warning("this host's addresses cannot be listed: \(error)")
        }
    }

    /// Nothing is told any more.
    func stop() {
        self.timer?.cancel()
        self.timer = nil
    }
}
