internal import IKEWire
internal import IPsecModel

/// An answer that leaves nothing behind: to IKE_SA_INIT requests that we refuse, and to messages of unknown
/// IKE_SAs (RFC 7296 §1.5, §2.21.1).
struct StatelessAnswer {
    let request: IKEHeader
    let arrival: Arrival

    /// Sends `payloads` in clear, with the request's SPIs, exchange and message ID.
    func send(_ payloads: [Payload], _ turn: inout Turn) {
        var flags: IKEFlags = [.response]
        // The I flag says who began the IKE_SA: not us if the requester says that it did.
        if !self.request.flags.contains(.initiator) { flags.insert(.initiator) }
        let header = IKEHeader(
            initiatorSPI: self.request.initiatorSPI, responderSPI: self.request.responderSPI,
            exchange: self.request.exchange, flags: flags, messageID: self.request.messageID)
        Self.send(header, payloads, self.arrival, &turn)
    }

    /// Sends a message in clear to where something came from.
    static func send(_ header: IKEHeader, _ payloads: [Payload], _ arrival: Arrival, _ turn: inout Turn) {
        do throws(WireFault) {
            let octets = try IKEMessageEncoder.clear(header, payloads)
            let needsMarker = arrival.destination.port != IKEPort.ike
            turn.send(
                needsMarker ? NonESPMarker.add(to: octets) : octets, from: arrival.destination,
                to: arrival.source)
        } catch {
            turn.event(.defect(nil, "a notify of ours: \(error)"))
        }
    }
}

/// Holds down how many unprotected notifies go out: they are a courtesy, and a tool for reflection.
struct CourtesyBudget {
    private let perSecond: Int
    private var windowStart = Instant.origin
    private var spent = 0

    /// A budget of so many notifies each second.
    init(perSecond: Int) {
        self.perSecond = perSecond
    }

    /// True if one more may go out.
    mutating func spend(now: Instant) -> Bool {
        if now.since(self.windowStart) >= .seconds(1) {
            self.windowStart = now
            self.spent = 0
        }
        guard self.spent < self.perSecond else { return false }
        self.spent += 1
        return true
    }
}
