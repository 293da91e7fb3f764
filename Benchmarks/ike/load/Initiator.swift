internal import IKECore
internal import IKEWire
internal import IPsecModel

/// One of the many: an engine with one connection, which it begins once.
final class Initiator {
    /// What has become of it.
    enum State {
        case idle
        case calling(since: Instant)
        case standing
        case failed(String)
        /// It stood, and ended.
        case lost
    }

    let engine: IKEEngine
    /// Between which addresses it begins.
    let addresses: AddressPair
    private(set) var state = State.idle

    /// An initiator that has done nothing yet.
    init(_ configuration: GatewayConfiguration, _ addresses: AddressPair, crypto: any CryptoProvider) {
        self.engine = IKEEngine(configuration: configuration, crypto: crypto)
        self.addresses = addresses
    }

    /// It begins now.
    func begin(now: Instant) { self.state = .calling(since: now) }

    /// The engine refused to begin.
    func refused(_ reason: String) { self.state = .failed(reason) }

    /// The engine says what happened; the answer is the time that the set-up took if this ends it well.
    func note(_ event: IKEEvent, now: Instant) -> Duration? {
        switch (self.state, event) {
        case (.calling(let since), .childSAInstalled):
            self.state = .standing
            return now.since(since)
        case (.calling, .initiationFailed(_, _, .refused(let notify, _))): self.state = .failed(notify.name)
        case (.calling, .initiationFailed(_, _, let fault)): self.state = .failed("\(fault)")
        case (.calling, .cryptoFailed(_, let fault)): self.state = .failed("\(fault)")
        // It has a successor.
        case (.standing, .childSAEnded(_, _, _, .rekeyed)): break
        case (.standing, .ikeSAEnded), (.standing, .childSAEnded): self.state = .lost
        case (.idle, _), (.calling, _), (.standing, _), (.failed, _), (.lost, _): break
        }
        return nil
    }
}
