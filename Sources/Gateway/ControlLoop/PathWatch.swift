internal import IPsecModel
internal import NIOCore
internal import Routing

/// Tells the control loop of changes of this host's addresses and routes, not of each one: they come in swarms.
///
/// Confined to the event loop of `loop`.
final class PathWatch {
    /// How the addresses are asked for: the kernel can be short of memory, which nothing else can make happen.
    typealias Listing = (AddressWatch) throws(KernelFault) -> [IPAddress]

    private let watch: AddressWatch
    private let loop: ControlLoop
    private let list: Listing
    private var timer: Scheduled<Void>?
    private var toldAt: NIODeadline?
    /// True if the addresses could not be listed the last time.
    private var isIgnorant = false

    /// What belongs to one change comes within this time.
    private static let gathering: TimeAmount = .milliseconds(200)
    /// The least time between two reports. Each costs a route lookup for every IKE_SA that we began.
    private static let pause: TimeAmount = .seconds(2)

    /// Begins to listen.
    init(
        _ loop: ControlLoop,
        list: @escaping Listing = { (watch) throws(KernelFault) in try watch.addresses() }
    ) throws(KernelFault) {
        self.watch = try AddressWatch()
        self.loop = loop
        self.list = list
    }

    /// Lends the descriptor's number, to wait for changes with.
    func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.watch.withDescriptor(body)
    }

    /// There is something to read.
    func drain() {
        if self.watch.drain() { self.tellSoon() }
    }

    private func tellSoon() {
        guard self.timer == nil else { return }
        let now = NIODeadline.now()
        let earliest = max(now + Self.gathering, self.toldAt.map { $0 + Self.pause } ?? now)
        self.timer = self.loop.eventLoop.assumeIsolated().scheduleTask(deadline: earliest) {
            self.timer = nil
            self.tell()
        }
    }

    /// Reports how it is now, or tries again after the pause if that cannot be told: what has changed is known to nobody yet,
    /// and may not change again.
    func tell() {
        self.toldAt = .now()
        do throws(KernelFault) {
            let addresses = try self.list(self.watch)
            self.isIgnorant = false
            self.loop.receive(addresses: addresses)
        } catch {
            self.complain(error)
            self.tellSoon()
        }
    }

    /// Once where an operator sees it: it may stay like this.
    private func complain(_ fault: KernelFault) {
        let text = "this host's addresses cannot be listed, and are asked for again soon: \(fault)"
        if self.isIgnorant { self.loop.log.debug(text) } else { self.loop.log.warning(text) }
        self.isIgnorant = true
    }

    /// Nothing is told any more.
    func stop() {
        self.timer?.cancel()
        self.timer = nil
    }
}
