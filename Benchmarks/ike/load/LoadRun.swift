internal import ArgumentParser
internal import CryptoOpenSSL
internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// All initiators, their sockets and timers, on one thread.
final class LoadRun {
    /// The name of each initiator's only connection.
    static let connection = "load"

    private let options: LoadOptions
    private let sockets: LoadSockets
    private let report: LoadReport
    private var initiators: [Initiator] = []
    /// Which initiator has the IKE_SA with this SPI of ours.
    private var owners: [UInt64: Int] = [:]
    private var timers: TimerSlots
    private var startedAt = Host.now
    private var inFlight = 0
    private var begun = 0
    private var lastSPI: UInt32 = 0xc000_0000
    private var batch: [ReceivedDatagram] = []

    /// Everything is ready; nothing is sent yet.
    init(_ options: LoadOptions) throws {
        self.options = options
        let sources = try options.sources()
        let target = try options.target()
        self.sockets = try LoadSockets(
            to: target.real, called: target.called, port: options.port, natPort: options.natPort)
        self.report = try LoadReport(pid: options.pid)
        self.timers = TimerSlots(now: Host.now)
        // One for all of them: they are of one thread.
        let crypto: any CryptoProvider = options.cheap ? CheapInitiators() : OpenSSLProvider()
        for number in 0..<options.count {
            let address = sources[number % sources.count]
            self.initiators.append(
                Initiator(
                    try options.configuration(number: number, address: address),
                    AddressPair(local: address, remote: target.called), crypto: crypto))
        }
    }

    /// Sets them all up and holds them; false if one of them does not stand at the end.
    func run() throws -> Bool {
        let step = self.options.step == 0 ? self.options.count : self.options.step
        self.startedAt = Host.now
        self.report.begin(now: Host.now)
        while self.begun < self.initiators.count {
            let end = min(self.begun + step, self.initiators.count)
            self.report.beginStep(now: Host.now)
            self.setUp(to: end)
            if self.options.step > 0 { self.report.endStep(standing: self.standing, now: Host.now) }
        }
        self.report.end(standing: self.standing, faults: self.faults, now: Host.now)
        if self.options.hold > 0 { self.hold() }
        return self.standing == self.initiators.count
    }

    private var standing: Int {
        self.initiators.count { if case .standing = $0.state { true } else { false } }
    }

    /// Why set-ups failed, and how often for each reason.
    private var faults: [String: Int] {
        var faults: [String: Int] = [:]
        for initiator in self.initiators {
            if case .failed(let reason) = initiator.state { faults[reason, default: 0] += 1 }
        }
        return faults
    }

    private func setUp(to end: Int) {
        while self.begun < end || self.inFlight > 0 {
            while self.begun < end, self.inFlight < self.options.atOnce, self.isTime {
                self.begin(self.begun)
                self.begun += 1
            }
            self.turn()
        }
    }

    /// True unless the next one would come too early for the rate that is wanted.
    private var isTime: Bool {
        guard self.options.rate > 0 else { return true }
        let due = self.startedAt.advanced(by: .seconds(1) * self.begun / self.options.rate)
        return Host.now >= due
    }

    private func hold() {
        self.report.beginHold(standing: self.standing, now: Host.now)
        let end = Host.now.advanced(by: .seconds(self.options.hold))
        while Host.now < end { self.turn() }
        self.report.endHold(standing: self.standing, now: Host.now)
    }

    private func begin(_ index: Int) {
        self.inFlight += 1
        self.initiators[index].begin(now: Host.now)
        self.feed(
            .command(commandID: 1, .initiate(connection: Self.connection, child: nil)), to: index)
    }

    /// Waits for packets and timers, and handles them.
    private func turn() {
        self.sockets.wait(milliseconds: 1)
        do throws(IOFault) {
            try self.sockets.receive(into: &self.batch)
        } catch {
            // An ICMP error of an earlier packet: that one is lost.
            self.report.count(\.socketErrors)
        }
        for datagram in self.batch { self.receive(datagram) }
        self.batch.removeAll(keepingCapacity: true)
        for index in self.timers.takeDue(now: Host.now) { self.feed(.deadline, to: index) }
    }

    private func receive(_ datagram: ReceivedDatagram) {
        self.report.count(datagram.bytes.count == 1 ? \.keepalivesReceived : \.received)
        guard let spi = Self.initiatorSPI(datagram.bytes, datagram.socket), let index = self.owners[spi]
        else { return }
        self.feed(.datagram(datagram), to: index)
    }

    /// The SPI of the original initiator, which we always are: the first eight octets of a message.
    private static func initiatorSPI(_ bytes: [UInt8], _ socket: IKESocketKind) -> UInt64? {
        let message = bytes.dropFirst(socket == .ike ? 0 : 4)
        guard message.count >= 28 else { return nil }
        return message.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Tells an engine what happened, and does what it wants until it wants nothing more.
    private func feed(_ input: Input, to index: Int) {
        let initiator = self.initiators[index]
        var inputs = [input]
        var outbox = Outbox()
        while !inputs.isEmpty {
            initiator.engine.handle(inputs.removeFirst(), now: Host.now, into: &outbox)
            for output in outbox.drain() {
                if let next = self.perform(output, of: index) { inputs.append(next) }
            }
        }
        self.timers.schedule(index, at: initiator.engine.nextDeadline)
    }

    private func perform(_ output: Output, of index: Int) -> Input? {
        let initiator = self.initiators[index]
        switch output {
        case .send(let bytes, let source, let destination):
            self.send(bytes, from: source, to: destination, of: index)
        // They begin and do not answer.
        case .agreeOnKey: break
        case .dataPlane(let request): return self.answer(request)
        case .findAddresses(let searchID, _, _):
            return .addresses(searchID: searchID, [initiator.addresses])
        case .answer(_, .refused(let reason)):
            initiator.refused(reason)
            self.inFlight -= 1
        case .answer(_, .begun): break
        case .event(let event): self.note(event, of: initiator)
        }
        return nil
    }

    private func note(_ event: IKEEvent, of initiator: Initiator) {
        guard case .calling = initiator.state else {
            _ = initiator.note(event, now: Host.now)
            return
        }
        if let span = initiator.note(event, now: Host.now) { self.report.add(latency: span) }
        if case .calling = initiator.state { return }
        self.inFlight -= 1
    }

    private func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint, of index: Int) {
        if bytes.count == 1 { self.report.count(\.keepalivesSent) } else { self.report.count(\.sent) }
        if source.port == IKEPort.ike, let spi = Self.initiatorSPI(bytes, .ike) { self.owners[spi] = index }
        do throws(IOFault) {
            try self.sockets.send(bytes, from: source, to: destination)
        } catch { self.report.count(\.socketErrors) }
    }

    /// SPIs, and nothing behind them.
    private func answer(_ request: DataPlaneRequest) -> Input? {
        switch request.operation {
        case .allocateSPI:
            self.lastSPI = self.lastSPI == .max ? 0xc000_0000 : self.lastSPI + 1
            return .dataPlane(requestID: request.requestID, .spi(ESPSPI(self.lastSPI)))
        case .install, .check, .move: return .dataPlane(requestID: request.requestID, .done)
        case .traffic: return .dataPlane(requestID: request.requestID, .traffic([]))
        case .releaseSPI, .remove, .installTrap, .removeTrap: return nil
        }
    }
}
