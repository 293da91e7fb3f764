internal import IKECore
internal import IKEWire
internal import IPsecModel
internal import Logging

/// Turns what happens into log lines: one for each event, readable without the source at hand.
///
/// No event carries a key, so no line can.
struct EventLog {
    private let logger: Logger

    /// A log that writes through `logger`.
    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Logs what the engine says happened.
    func log(_ event: IKEEvent) {
        let (level, text) = EventText.line(for: event)
        self.logger.log(level: level, "\(text)")
    }

    /// Something that an operator should know, now or later.
    func notice(_ text: String) { self.logger.notice("\(text)") }

    /// Something that does not work as it should.
    func warning(_ text: String) { self.logger.warning("\(text)") }

    /// Something that does not work.
    func error(_ text: String) { self.logger.error("\(text)") }

    /// Something for whoever looks for a fault.
    func debug(_ text: String) { self.logger.debug("\(text)") }
}

/// The sentence for each event.
enum EventText {
    /// The level and the text of the line for `event`.
    static func line(for event: IKEEvent) -> (level: Logger.Level, text: String) {
        switch event {
        case .ikeSAEstablished, .ikeSARekeyed, .ikeSAEnded: return self.ikeSALine(event)
        case .childSAInstalled, .childSAEnded, .pfsDiffers: return self.childLine(event)
        case .mismatch, .authenticationFailed, .peerReported: return self.refusalLine(event)
        case .pathChanged(let label, let from, let to):
            let evidence = to.confirmedBy == .esp ? "seen in ESP" : "seen in IKE"
            return (.notice, "\(label) peer moved from \(from.remote) to \(to.remote) (\(evidence))")
        case .retransmitted(let label, let exchange, let transmission):
            return (.info, "\(label) \(exchange.name) request sent again, transmission \(transmission)")
        case .dataPlaneFailed(let label, let fault): return (.error, "\(label) data plane: \(fault)")
        case .cryptoFailed(let label, let fault):
            return (.warning, "\(self.text(label))crypto: \(self.text(fault))")
        case .limitReached(let what, let peer): return (.warning, "limit: \(what), asked by \(peer)")
        case .defect(let label, let what): return (.critical, "\(self.text(label))defect: \(what)")
        }
    }

    private static func ikeSALine(_ event: IKEEvent) -> (level: Logger.Level, text: String) {
        switch event {
        case .ikeSAEstablished(let label, let peer, let path, let suite):
            return (
                .notice,
                "\(label) IKE_SA established with \(peer) at \(path.remote) (\(suite), \(self.nat(path)))"
            )
        case .ikeSARekeyed(let label, let successor, let suite):
            return (.notice, "\(label) IKE_SA rekeyed, goes on as \(successor) (\(suite))")
        case .ikeSAEnded(let label, let reason): return (.notice, "\(label) IKE_SA ended: \(reason.text)")
        default: return (.debug, "")
        }
    }

    private static func childLine(_ event: IKEEvent) -> (level: Logger.Level, text: String) {
        switch event {
        case .childSAInstalled(let label, let child, let spec, let replacing):
            let verb = replacing.map { "rekeyed, replaces \($0)" } ?? "installed"
            let local = spec.localSelectors.map(\.description).joined(separator: " ")
            let remote = spec.remoteSelectors.map(\.description).joined(separator: " ")
            let spis = "in \(spec.inboundSPI) out \(spec.outboundSPI)"
            return (
                .notice, "\(label) CHILD_SA \(child) \(verb): \(spis), \(local) === \(remote), \(spec.suite)"
            )
        case .childSAEnded(let label, let child, let spi, let reason):
            return (.notice, "\(label) CHILD_SA \(child) \(spi) ended: \(reason.text)")
        case .pfsDiffers(let label, let child, _, let theirs):
            let group = theirs.map { AlgorithmNames.keyword(.keyExchange($0)) } ?? "none"
            return (
                .warning,
                "\(label) CHILD_SA \(child): the peer wants PFS with \(group) and our esp_proposals name no "
                    + "group; accepted. Add -\(group) to esp_proposals to make both sides say the same"
            )
        default: return (.debug, "")
        }
    }

    private static func refusalLine(_ event: IKEEvent) -> (level: Logger.Level, text: String) {
        switch event {
        case .mismatch(let label, let peer, let exchange, let notify, let mismatch):
            let ours = mismatch.ours.isEmpty ? "nothing" : mismatch.ours.joined(separator: ", ")
            let theirs = mismatch.theirs.isEmpty ? "nothing" : mismatch.theirs.joined(separator: ", ")
            let cure = mismatch.cure.isEmpty ? "" : "; cure: \(mismatch.cure)"
            return (
                .warning,
                "\(self.text(label))\(exchange.name) from \(peer) answered \(notify.name): no \(mismatch.subject.rawValue) "
                    + "in common; we have \(ours); the peer has \(theirs)\(cure)"
            )
        case .authenticationFailed(let label, let peer, let identity):
            return (
                .warning,
                "\(label) IKE_AUTH from \(peer) answered AUTHENTICATION_FAILED: the pre-shared key of "
                    + "\(identity.explanation) is not the one that we have"
            )
        case .peerReported(let label, let notify):
            return (.warning, "\(label) the peer reports \(notify.name)")
        default: return (.debug, "")
        }
    }

    private static func text(_ label: IKESALabel?) -> String { label.map { "\($0) " } ?? "" }

    private static func nat(_ path: Path) -> String {
        switch (path.isLocalBehindNAT, path.isRemoteBehindNAT) {
        case (true, true): return "both behind NATs"
        case (true, false): return "we are behind a NAT"
        case (false, true): return "the peer is behind a NAT"
        case (false, false): return path.usesUDPEncapsulation ? "no NAT, UDP forced" : "no NAT"
        }
    }

    private static func text(_ fault: CryptoFault) -> String {
        switch fault {
        case .invalidPublicValue(let reason): return "the peer's public value is refused: \(reason)"
        case .wrongICV: return "wrong ICV"
        case .wrongLength(let what, let need, let have): return "\(what): \(need) bytes needed, \(have) given"
        case .unavailable(let what): return "\(what) is not available"
        case .library(let operation, let text): return "\(operation): \(text)"
        }
    }
}
