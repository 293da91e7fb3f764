internal import IKEWire
internal import IPsecModel

extension IKESA {
    /// What was protected, decoded.
    struct Opened {
        let payloads: [Payload]
        let unsupportedCriticalPayload: PayloadType?
    }

    /// Checks a message's ICV and decodes what it protects; nil if more fragments must come first.
    func open(_ message: DecodedMessage, now: Instant) throws(OpeningFault) -> Opened? {
        switch message.protection {
        case .none: throw .drop(.unprotected)
        case .encrypted(let body):
            let text = try self.protection.open(body)
            return try Self.decode(first: body.firstInnerPayload, text)
        case .fragment(let fragment):
            guard self.fragmentationAgreed else { throw .drop(.badFragment) }
            let text = try self.protection.open(fragment.body)
            if self.isRepeated(message.header) {
                // RFC 7383 §2.6.1: only the first fragment of a retransmission is answered.
                guard fragment.number == 1 else { return nil }
                return Opened(payloads: [], unsupportedCriticalPayload: nil)
            }
            let complete = try self.fragments.add(
                fragment, text: text, header: message.header, limits: self.context.limits, now: now)
            guard let complete else { return nil }
            return try Self.decode(first: complete.first, complete.text)
        }
    }

    private func isRepeated(_ header: IKEHeader) -> Bool {
        !header.flags.contains(.response) && self.answers.hasAnswered(header.messageID)
    }

    private static func decode(first: PayloadType, _ text: [UInt8]) throws(OpeningFault) -> Opened {
        do throws(WireFault) {
            let (payloads, critical) = try PayloadChain.decode(first: first, text[...])
            return Opened(payloads: payloads, unsupportedCriticalPayload: critical)
        } catch { throw .malformedInside }
    }
}
