internal import IPsecModel

/// One direction of an ESP SA with AES-CBC (RFC 3602) and HMAC-SHA2-256-128, 384-192 or 512-256 (RFC 4868).
///
/// The ICV is the first half of HMAC(SPI | sequence number | IV | ciphertext), and with extended sequence numbers their
/// high half comes last (RFC 4303 §2.8). It is compared before anything is deciphered (RFC 4303 §3.4.4.1).
final class EncryptThenMACTransform: ESPTransform {
    private let context: CipherContext
    private let hmac: HMACContext
    private let direction: ESPDirection
    private let hasExtendedNumbers: Bool
    private var vectors: RandomPool?

    let ivLength = 16
    let alignment = 16
    let icvLength: Int

    /// The cipher, an HMAC context of its own, and the keys of both.
    init(
        _ cipher: FetchedCipher, _ hmac: HMACContext, _ keys: ESPKeys, _ direction: ESPDirection,
        hasExtendedNumbers: Bool
    ) throws(CryptoFault) {
        let need = hmac.hash.digestLength
        guard keys.integrity.count == need else {
            throw .wrongLength(what: "integrity key", need: need, have: keys.integrity.count)
        }
        self.context = try CipherContext(cipher, key: keys.encryption, CipherContext.Direction(direction))
        self.hmac = hmac
        self.direction = direction
        self.hasExtendedNumbers = hasExtendedNumbers
        // RFC 4868 §2.1: the ICV is the digest's first half.
        self.icvLength = need / 2
        self.vectors = direction == .outbound ? RandomPool() : nil
        try hmac.begin(key: keys.integrity)
    }

    func seal(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        // RFC 3602 §3: the IV must be random and unpredictable.
        guard try self.vectors?.write(to: parts.iv, of: &memory) != nil else {
            throw .unavailable("sealing on an inbound SA")
        }
        try self.context.begin(iv: memory.span.extracting(parts.iv))
        try self.context.transform(parts.text, of: &memory)
        let digest = try self.digest(memory.span, parts, sequenceNumber)
        memory.copy(0..<self.icvLength, of: digest.span, to: parts.icv.lowerBound)
    }

    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .inbound else { throw .unavailable("opening on an outbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        guard memory.load32(parts.sequenceNumber) == UInt32(truncatingIfNeeded: sequenceNumber) else {
            throw .wrongICV
        }
        let digest = try self.digest(memory.span, parts, sequenceNumber)
        let icv = digest.span.extracting(0..<self.icvLength)
        guard equalInConstantTime(icv, memory.span.extracting(parts.icv)) else { throw .wrongICV }
        try self.context.begin(iv: memory.span.extracting(parts.iv))
        try self.context.transform(parts.text, of: &memory)
    }

    /// The whole digest, with room for the longest.
    private func digest(
        _ memory: Span<UInt8>, _ parts: ESPPacketParts, _ sequenceNumber: UInt64
    ) throws(CryptoFault) -> InlineArray<64, UInt8> {
        try self.hmac.beginAgain()
        try self.hmac.update(memory.extracting(parts.authenticated))
        if self.hasExtendedNumbers {
            var high = InlineArray<4, UInt8>(repeating: 0)
            var span = high.mutableSpan
            span.store(UInt32(truncatingIfNeeded: sequenceNumber >> 32), at: 0)
            try self.hmac.update(span.span)
        }
        var digest = InlineArray<64, UInt8>(repeating: 0)
        var room = digest.mutableSpan
        try self.hmac.finish(into: &room)
        return digest
    }
}
