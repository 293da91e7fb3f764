package import IKEWire
package import IPsecModel

/// One IKE_SA of the test peer.
package final class PeerIKESA {
    /// The SPI of its original initiator.
    package let spiI: IKESPI
    /// The SPI of its original responder.
    package let spiR: IKESPI
    /// True if the test peer began it, or its rekeying.
    package let isOriginalInitiator: Bool
    /// The algorithms.
    package let suite: IKESuite
    /// The keys.
    package let keys: PeerKeySchedule.IKEKeySet
    /// The keys' own derivation.
    package let schedule: PeerKeySchedule
    /// The message ID of the next request to the gateway.
    package var nextRequestID: UInt32
    /// The message ID of the gateway's next request.
    package var expectedRequestID: UInt32 = 0
    /// True after a DELETE of either side.
    package var isDeleted = false
    /// The last answer to the gateway, for its retransmissions.
    var lastAnswer: (messageID: UInt32, datagrams: [[UInt8]])?
    /// Fragments of an answer or request that is not complete.
    var fragments: [UInt16: (first: PayloadType, text: [UInt8])] = [:]

    private let sealer: any AEAD
    private let opener: any AEAD
    private var iv: UInt64 = 0
    private let crypto: any CryptoProvider

    init(
        spiI: IKESPI, spiR: IKESPI, isOriginalInitiator: Bool, suite: IKESuite,
        keys: PeerKeySchedule.IKEKeySet, schedule: PeerKeySchedule, firstRequestID: UInt32,
        crypto: any CryptoProvider
    ) throws {
        self.spiI = spiI
        self.spiR = spiR
        self.isOriginalInitiator = isOriginalInitiator
        self.suite = suite
        self.keys = keys
        self.schedule = schedule
        self.nextRequestID = firstRequestID
        self.crypto = crypto
        let initiator = try crypto.aead(
            suite.protection, encryptionKey: SecretBytes(copying: keys.skEi),
            integrityKey: SecretBytes(copying: keys.skAi))
        let responder = try crypto.aead(
            suite.protection, encryptionKey: SecretBytes(copying: keys.skEr),
            integrityKey: SecretBytes(copying: keys.skAr))
        self.sealer = isOriginalInitiator ? initiator : responder
        self.opener = isOriginalInitiator ? responder : initiator
    }

    /// The gateway's SPI, or ours.
    package var ownSPI: IKESPI { self.isOriginalInitiator ? self.spiI : self.spiR }

    /// The header of a message of ours.
    package func header(_ exchange: ExchangeType, messageID: UInt32, isResponse: Bool = false) -> IKEHeader {
        var flags: IKEFlags = isResponse ? [.response] : []
        if self.isOriginalInitiator { flags.insert(.initiator) }
        return IKEHeader(
            initiatorSPI: self.spiI, responderSPI: self.spiR, exchange: exchange, flags: flags,
            messageID: messageID)
    }

    /// A sealed message, in fragments if it is longer than `maximumOctets`.
    package func seal(
        _ header: IKEHeader, _ payloads: [Payload], maximumOctets: Int = 65_000
    ) throws -> [[UInt8]] {
        let sizes = self.sizes
        let seal = self.makeSeal()
        return try IKEMessageEncoder.datagrams(
            header, payloads, maximumOctets: maximumOctets, sizes: sizes, seal: seal)
    }

    /// A sealed message around octets that need not be payloads.
    package func sealText(_ header: IKEHeader, first: PayloadType, text: [UInt8]) throws -> [UInt8] {
        // A lone fragment has any text; its header is turned into that of an Encrypted payload.
        let sizes = self.sizes
        let seal = self.makeSeal()
        let cleartext = text
        let length =
            IKEHeader.length + 4 + sizes.ivLength + Self.padded(cleartext, sizes.blockSize).count
            + sizes.icvLength
        let content = length - IKEHeader.length
        var head = try Array(IKEMessageEncoder.clear(header, []).prefix(IKEHeader.length))
        head[16] = PayloadType.encrypted.rawValue
        head.replaceSubrange(24..<28, with: ESPSPI(UInt32(clamping: length)).bytes)
        head += [
            first.rawValue, 0, UInt8(truncatingIfNeeded: content >> 8), UInt8(truncatingIfNeeded: content),
        ]
        let (iv, sealed) = try seal(Self.padded(cleartext, sizes.blockSize), head[...])
        return head + iv + sealed
    }

    private static func padded(_ text: [UInt8], _ blockSize: Int) -> [UInt8] {
        let padding = (blockSize - (text.count + 1) % blockSize) % blockSize
        return text + [UInt8](repeating: 0, count: padding) + [UInt8(padding)]
    }

    /// Single fragments, for sending them in any order and number.
    package func sealFragment(
        _ header: IKEHeader, first: PayloadType, number: UInt16, total: UInt16, chunk: [UInt8]
    ) throws -> [UInt8] {
        try IKEMessageEncoder.fragment(
            header, firstInner: first, number: number, total: total, chunk: chunk[...], sizes: self.sizes,
            seal: self.makeSeal())
    }

    private var sizes: ProtectionSizes {
        ProtectionSizes(
            ivLength: self.sealer.ivLength, icvLength: self.sealer.icvLength,
            blockSize: self.sealer.blockSize)
    }

    private func makeSeal() -> IKEMessageEncoder.Seal {
        { (text, aad) throws(CryptoFault) in
            self.iv += 1
            let iv =
                self.sealer.ivLength == 8
                ? IKESPI(self.iv).bytes : try self.crypto.bytes(self.sealer.ivLength)
            return (iv, try self.sealer.seal(text, iv: iv, aad: aad))
        }
    }

    /// What a message of the gateway protects; nil while fragments are missing.
    package func open(_ message: DecodedMessage) throws -> [Payload]? {
        switch message.protection {
        case .none: throw PeerError.unprotected
        case .encrypted(let body):
            return try PayloadChain.decode(first: body.firstInnerPayload, self.text(body)[...]).payloads
        case .fragment(let fragment):
            self.fragments[fragment.number] = (fragment.body.firstInnerPayload, try self.text(fragment.body))
            guard self.fragments.count == Int(fragment.total) else { return nil }
            let parts = self.fragments.sorted { $0.key < $1.key }.map(\.value)
            self.fragments = [:]
            return try PayloadChain.decode(
                first: parts.first?.first ?? .none, parts.flatMap(\.text)[...]
            ).payloads
        }
    }

    private func text(_ body: EncryptedBody) throws -> [UInt8] {
        let (iv, sealed) = try body.parts(ivLength: self.opener.ivLength, icvLength: self.opener.icvLength)
        return Array(try EncryptedText.unpad(self.opener.open(sealed, iv: iv, aad: body.associatedData)))
    }
}

/// Why the test peer is not content.
package enum PeerError: Error, Hashable {
    case unprotected
    case missing(String)
    case wrongAuthentication
    case unsupported
    case notify(NotifyType)
    case noAnswer
}
