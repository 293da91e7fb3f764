import IKEWire
import IPsecModel
import SimNet

@testable import IKECore

/// Makes messages as the peer of an IKE_SA would, with its keys, whatever they say and wherever they belong.
struct Forger {
    private let ikeSA: IKESA
    /// Below what counters reach: no IV of the true peer comes again.
    private let iv: [UInt8] = [0xff, 0, 0, 0, 0, 0, 0, 0]

    init(_ ikeSA: IKESA) { self.ikeSA = ikeSA }

    /// The message ID that the peer's next request has, or the one that is being worked on.
    var nextRequest: UInt32 {
        let answers = self.ikeSA.answers
        if let working = answers.workingOn { return working }
        return (0...50).first { answers.mayMatter($0) && !answers.hasAnswered($0) } ?? 0
    }

    /// The message ID of our request that waits for an answer; some other if none does.
    var ourRequest: UInt32 { self.ikeSA.requests.outstanding?.messageID ?? 1 }

    /// The header of a message of the peer's.
    func header(
        _ exchange: ExchangeType, _ messageID: UInt32, isResponse: Bool = false
    ) -> IKEHeader {
        var flags: IKEFlags = isResponse ? [.response] : []
        if !self.ikeSA.isOriginalInitiator { flags.insert(.initiator) }
        return IKEHeader(
            initiatorSPI: self.ikeSA.initiatorSPI, responderSPI: self.ikeSA.responderSPI, exchange: exchange,
            flags: flags, messageID: messageID)
    }

    // MARK: Octets

    /// A message around an Encrypted payload with these.
    func seal(_ header: IKEHeader, _ payloads: [Payload]) throws -> [UInt8] {
        let (first, text) = try PayloadChain.encode(payloads)
        return try self.seal(header, first: first, text: text)
    }

    /// A message around an Encrypted payload with anything (RFC 7296 §3.14), or around an Encrypted Fragment payload
    /// (RFC 7383 §2.5).
    func seal(
        _ header: IKEHeader, first: PayloadType, text: [UInt8],
        fragment: (number: UInt16, total: UInt16)? = nil
    ) throws -> [UInt8] {
        let cipher =
            self.ikeSA.isOriginalInitiator
            ? self.ikeSA.keys.responderCipher : self.ikeSA.keys.initiatorCipher
        let numbers = fragment.map { Self.octets($0.number) + Self.octets($0.total) } ?? []
        let length = 4 + numbers.count + cipher.ivLength + text.count + 1 + cipher.icvLength
        var head = Array(try IKEMessageEncoder.clear(header, []).prefix(IKEHeader.length))
        head[16] = fragment == nil ? 46 : 53
        head.replaceSubrange(24..<28, with: [0, 0] + Self.octets(UInt16(IKEHeader.length + length)))
        head += [first.rawValue, 0] + Self.octets(UInt16(length)) + numbers
        let sealed = try cipher.seal(text + [0], iv: self.iv, aad: head[...])
        return head + self.iv + sealed
    }

    private static func octets(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

    // MARK: To and from the engine

    /// Gives octets to the engine as if they had come from the peer.
    func feed(_ octets: [UInt8], to host: EngineHost, _ net: SimNet) {
        let path = self.ikeSA.path
        let isIKE = path.local.port == IKEPort.ike
        host.feed(
            .datagram(
                ReceivedDatagram(
                    bytes: isIKE ? octets : [0, 0, 0, 0] + octets, source: path.remote,
                    destination: path.local, socket: isIKE ? .ike : .natTraversal)), on: net)
    }

    /// Says without proof that the peer has lost the IKE_SA: it gets asked.
    func hint(_ host: EngineHost, _ net: SimNet) throws {
        let header = self.header(.informational, self.ourRequest, isResponse: true)
        self.feed(
            try IKEMessageEncoder.clear(header, [.notify(NotifyPayload(.invalidIKESPI))]), to: host, net)
    }

    /// The payloads of a message that the IKE_SA sealed.
    func open(_ octets: [UInt8]) throws -> (header: IKEHeader, payloads: [Payload]) {
        let message = try DecodedMessage.decode(octets)
        guard case .encrypted(let body) = message.protection else { throw PeerError.unprotected }
        let protection = MessageProtection(
            keys: self.ikeSA.keys, isOriginalInitiator: !self.ikeSA.isOriginalInitiator)
        let text = try protection.open(body)
        return (message.header, try PayloadChain.decode(first: body.firstInnerPayload, text[...]).payloads)
    }
}
