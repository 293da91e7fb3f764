import IKEWire
import IPsecModel

@testable import IKECore

/// A message with the SPIs of an IKE_SA that no state of it takes in.
enum Stray: String, CaseIterable, Sendable {
    // Not protected.
    case clearDelete
    case clearAuth
    case clearCreateChild
    case clearUnknownExchange
    case clearResponse
    case clearErrorResponse
    case initialRequest
    case initialResponse
    // Not authentic.
    case wrongICV
    case wrongICVInResponse
    case wrongRole
    case wrongRoleInResponse
    case foreignPeerSPI
    case foreignOwnSPI
    case foreignOwnSPIInResponse
    case lowerVersion
    case higherVersion
    case truncated
    case trailing
    // Authentic, with an ID that is not due.
    case lastRequestAgain
    case olderRequest
    case requestAfterNext
    case requestFarOff
    case lastOfAllRequests
    case responseBefore
    case responseAfter
    case responseFarOff
    // Authentic, and the right ID, but no answer to what was asked.
    case responseOfAnotherExchange
    case garbageInResponse
    case criticalPayloadInResponse
    // Parts of something that never becomes whole.
    case fragmentOfRequest
    case fragmentOfResponse
    case fragmentOfTooMany

    /// What it gets and does.
    enum Fate: Equatable {
        /// Dropped and counted, without an answer.
        case dropped(DropReason)
        /// Kept until the rest comes, or does not.
        case kept
        /// The answer to the last request goes out once more, octet for octet.
        case repeated
        /// Dropped and counted, and its sender is told in clear (RFC 7296 §1.5, §2.5).
        case told(DropReason, NotifyType)
    }

    /// What RFC 7296 wants to happen.
    func fate(_ place: Place) -> Fate {
        let situation = place.situation
        switch self {
        // §2.1, §1.5: nothing in clear acts on an IKE_SA.
        case .clearDelete, .clearAuth, .clearCreateChild, .clearUnknownExchange, .clearResponse,
            .clearErrorResponse:
            return .dropped(.unprotected)
        // §1.2: it makes IKE_SAs, and has no business in one.
        case .initialRequest: return .dropped(.wrongExchange)
        case .initialResponse: return .dropped(.unexpectedResponse)
        case .wrongICV: return .dropped(situation.isWorking ? .outsideWindow : .wrongICV)
        case .wrongICVInResponse: return .dropped(situation.asks == nil ? .unexpectedResponse : .wrongICV)
        // §3.1: the flag and both SPIs name the IKE_SA.
        case .wrongRole, .wrongRoleInResponse, .foreignPeerSPI, .foreignOwnSPIInResponse:
            return .dropped(.unknownSPI)
        case .foreignOwnSPI: return .told(.unknownSPI, .invalidIKESPI)
        case .lowerVersion: return .dropped(.unknownVersion)
        case .higherVersion: return .told(.unknownVersion, .invalidMajorVersion)
        case .truncated, .trailing: return .dropped(.malformed)
        // §2.1, §2.3.
        case .lastRequestAgain:
            return situation.keepsAnswer(place.side) ? .repeated : .dropped(.outsideWindow)
        case .olderRequest, .requestAfterNext, .requestFarOff, .lastOfAllRequests:
            return .dropped(.outsideWindow)
        case .responseBefore, .responseAfter, .responseFarOff: return .dropped(.unexpectedResponse)
        case .responseOfAnotherExchange:
            return .dropped(situation.asks == nil ? .unexpectedResponse : .wrongExchange)
        // §2.5, §2.21.3: it is as if it had not come; the request goes out again.
        case .garbageInResponse, .criticalPayloadInResponse:
            return .dropped(situation.asks == nil ? .unexpectedResponse : .malformed)
        // RFC 7383 §2.6.
        case .fragmentOfRequest: return situation.isWorking ? .dropped(.outsideWindow) : .kept
        case .fragmentOfResponse: return situation.asks == nil ? .dropped(.unexpectedResponse) : .kept
        case .fragmentOfTooMany: return .dropped(situation.isWorking ? .outsideWindow : .badFragment)
        }
    }

    /// An unknown payload that its sender insists on.
    static let critical = Payload.unknown(
        RawPayload(type: PayloadType(rawValue: 201), isCritical: true, body: [1]))
    /// A notify that ends within its header.
    static let garbage: (first: PayloadType, text: [UInt8]) = (.notify, [0, 0, 0, 6, 3, 4])

    // MARK: Octets

    /// Its octets for an IKE_SA that asks in `asks`.
    func octets(_ forger: Forger, asks: ExchangeType?) throws -> [UInt8] {
        let next = forger.header(.informational, forger.nextRequest)
        let exchange = asks ?? .informational
        let answer = forger.header(exchange, forger.ourRequest, isResponse: true)
        switch self {
        case .clearDelete: return try IKEMessageEncoder.clear(next, [.delete(.ikeSA)])
        case .clearAuth: return try Self.clear(.ikeAuth, forger)
        case .clearCreateChild: return try Self.clear(.createChildSA, forger)
        case .clearUnknownExchange: return try Self.clear(ExchangeType(rawValue: 240), forger)
        case .clearResponse: return try IKEMessageEncoder.clear(answer, [])
        case .clearErrorResponse:
            return try IKEMessageEncoder.clear(answer, [.notify(NotifyPayload(.authenticationFailed))])
        case .initialRequest: return try Self.initial(next)
        case .initialResponse: return try Self.initial(answer)
        case .wrongICV: return Self.flipped(try forger.seal(next, [.delete(.ikeSA)]))
        case .wrongICVInResponse: return Self.flipped(try forger.seal(answer, []))
        case .wrongRole, .foreignPeerSPI, .foreignOwnSPI, .lowerVersion, .higherVersion:
            return try forger.seal(self.changed(next), [.delete(.ikeSA)])
        case .wrongRoleInResponse, .foreignOwnSPIInResponse: return try forger.seal(self.changed(answer), [])
        case .truncated: return try forger.seal(next, [.delete(.ikeSA)]).dropLast()
        case .trailing: return try forger.seal(next, [.delete(.ikeSA)]) + [0]
        case .lastRequestAgain, .olderRequest, .requestAfterNext, .requestFarOff, .lastOfAllRequests:
            return try forger.seal(self.changed(next), [.delete(.ikeSA)])
        case .responseBefore, .responseAfter, .responseFarOff:
            return try forger.seal(self.changed(answer), [])
        case .responseOfAnotherExchange: return try forger.seal(self.changed(answer), [])
        case .garbageInResponse:
            return try forger.seal(answer, first: Self.garbage.first, text: Self.garbage.text)
        case .criticalPayloadInResponse: return try forger.seal(answer, [Self.critical])
        case .fragmentOfRequest:
            return try forger.seal(next, first: .notify, text: [0], fragment: (1, 2))
        case .fragmentOfResponse:
            return try forger.seal(answer, first: .notify, text: [0], fragment: (2, 2))
        case .fragmentOfTooMany:
            return try forger.seal(next, first: .notify, text: [0], fragment: (1, 60_000))
        }
    }

    /// `header` with what is wrong.
    private func changed(_ header: IKEHeader) -> IKEHeader {
        var header = header
        let ours: WritableKeyPath<IKEHeader, IKESPI> =
            header.flags.contains(.initiator) ? \.responderSPI : \.initiatorSPI
        let theirs: WritableKeyPath<IKEHeader, IKESPI> =
            header.flags.contains(.initiator) ? \.initiatorSPI : \.responderSPI
        let foreign = IKESPI(0x0bad_0bad_0bad_0bad)
        switch self {
        case .wrongRole, .wrongRoleInResponse: header.flags.formSymmetricDifference(.initiator)
        case .foreignPeerSPI: header[keyPath: theirs] = foreign
        case .foreignOwnSPI, .foreignOwnSPIInResponse: header[keyPath: ours] = foreign
        case .lowerVersion: header.majorVersion = 1
        case .higherVersion: header.majorVersion = 3
        case .lastRequestAgain, .responseBefore: header.messageID &-= 1
        case .olderRequest: header.messageID &-= 2
        case .requestAfterNext, .responseAfter: header.messageID &+= 1
        case .requestFarOff, .responseFarOff: header.messageID &+= 1 << 31
        case .lastOfAllRequests: header.messageID = .max
        case .responseOfAnotherExchange:
            header.exchange = header.exchange == .createChildSA ? .informational : .createChildSA
        case .clearDelete, .clearAuth, .clearCreateChild, .clearUnknownExchange, .clearResponse,
            .clearErrorResponse, .initialRequest, .initialResponse, .wrongICV, .wrongICVInResponse,
            .truncated, .trailing, .garbageInResponse, .criticalPayloadInResponse, .fragmentOfRequest,
            .fragmentOfResponse, .fragmentOfTooMany:
            break
        }
        return header
    }

    private static func clear(_ exchange: ExchangeType, _ forger: Forger) throws -> [UInt8] {
        try IKEMessageEncoder.clear(forger.header(exchange, forger.nextRequest), [])
    }

    private static func initial(_ header: IKEHeader) throws -> [UInt8] {
        var header = header
        header.exchange = .ikeSAInit
        header.messageID = 0
        return try IKEMessageEncoder.clear(
            header, [.nonce(NoncePayload(nonce: [UInt8](repeating: 7, count: 32)))])
    }

    private static func flipped(_ octets: [UInt8]) -> [UInt8] {
        octets.dropLast() + [octets[octets.count - 1] ^ 1]
    }
}
