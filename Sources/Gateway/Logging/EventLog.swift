internal import IKECore
internal import IKEWire
internal import IPsecModel
internal import Logging

/// Turns what happens into log lines: one for each event, readable without the source at hand.
///
/// No event carries a key, so no line can.
struct EventLog: Sendable {
    private let logger: Logger

    /// A log that writes through `logger`.
    init(_ logger: Logger) {
        self.logger = logger
    }

    /// Logs what the engine says happened.
    func log(_ event: IKEEvent) {
        let (level, text) = EventText.line(for: event)
        self.write(level, text)
    }

    /// Something that an operator should know, now or later.
    func notice(_ text: String) { self.write(.notice, text) }

    /// Something that does not work as it should.
    func warning(_ text: String) { self.write(.warning, text) }

    /// Something that does not work.
    func error(_ text: String) { self.write(.error, text) }

    /// Something for whoever looks for a fault.
    func debug(_ text: @autoclosure () -> String) {
        guard self.logger.logLevel <= .debug else { return }
        self.write(.debug, text())
    }

    /// An IKE message that came or goes, by its header; keepalives only at trace level.
    func message(_ way: @autoclosure () -> String, _ datagram: [UInt8], hasMarker: Bool) {
        guard self.logger.logLevel <= .debug else { return }
        let (level, text) = MessageText.line(datagram, hasMarker: hasMarker)
        self.write(level, "\(text) \(way()), \(datagram.count) bytes")
    }

    private func write(_ level: Logger.Level, _ text: String) {
        self.logger.log(level: level, "\(LogLine.clean(text))")
    }
}

/// What a datagram is, as far as everybody on its way can see.
enum MessageText {
    /// The level and a few words, such as `IKE_AUTH request 1`.
    static func line(_ datagram: [UInt8], hasMarker: Bool) -> (level: Logger.Level, text: String) {
        guard hasMarker else { return (.debug, Self.message(datagram[...])) }
        switch NATTraversalDatagram.classify(datagram[...]) {
        case .keepalive: return (.trace, "NAT keepalive")
        case .ike(let message): return (.debug, Self.message(message))
        case .esp: return (.debug, "ESP of an unknown SPI")
        case .tooShort: return (.debug, "too short a datagram")
        }
    }

    private static func message(_ octets: ArraySlice<UInt8>) -> String {
        do throws(WireFault) {
            let (header, _, _) = try IKEHeader.decode(octets)
            let direction = header.flags.contains(.response) ? "response" : "request"
            return "\(header.exchange.name) \(direction) \(header.messageID)"
        } catch {
            return "no IKE message (\(error))"
        }
    }
}
