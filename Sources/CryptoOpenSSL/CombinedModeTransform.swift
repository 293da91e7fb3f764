internal import IPsecModel

/// One direction of an ESP SA with AES-GCM (RFC 4106) or ChaCha20-Poly1305 (RFC 7634).
///
/// The nonce is salt | IV. The IV of what we seal is the sequence number, all 64 bits of it, which RFC 4106 §3.1 and
/// RFC 7634 §2 allow: it never repeats under one key. A peer chooses its IVs as it likes.
final class CombinedModeTransform: ESPTransform {
    private static let saltLength = 4

    private let context: CipherContext
    private let direction: ESPDirection
    private let hasExtendedNumbers: Bool
    /// Makes nonces differ between SAs, and protects nothing by itself.
    private let salt: UInt32

    var ivLength: Int { 8 }
    var icvLength: Int { 16 }
    var alignment: Int { 4 }

    /// The cipher with its key and the salt behind it.
    init(
        _ cipher: FetchedCipher, keyAndSalt: SecretBytes, _ direction: ESPDirection,
        hasExtendedNumbers: Bool
    ) throws(CryptoFault) {
        let keyLength = cipher.keyLength
        let need = keyLength + Self.saltLength
        guard keyAndSalt.count == need, let key = keyAndSalt.part(0..<keyLength) else {
            throw .wrongLength(what: "encryption key with salt", need: need, have: keyAndSalt.count)
        }
        self.context = try CipherContext(cipher, key: key, CipherContext.Direction(direction))
        self.direction = direction
        self.hasExtendedNumbers = hasExtendedNumbers
        self.salt = keyAndSalt.withBytes { $0.load32(keyLength) }
    }

    func seal(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .outbound else { throw .unavailable("sealing on an inbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        memory.store(sequenceNumber, at: parts.iv.lowerBound)
        try self.begin(memory.span, parts, sequenceNumber)
        try self.context.transform(parts.text, of: &memory)
        guard self.context.finish() else { throw .library("EVP_CipherFinal_ex") }
        try self.context.writeICV(to: parts.icv, of: &memory)
    }

    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .inbound else { throw .unavailable("opening on an outbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        guard memory.load32(parts.sequenceNumber) == UInt32(truncatingIfNeeded: sequenceNumber) else {
            throw .wrongICV
        }
        try self.begin(memory.span, parts, sequenceNumber)
        try self.context.expect(icv: parts.icv, of: &memory)
        try self.context.transform(parts.text, of: &memory)
        guard self.context.finish() else { throw .wrongICV }
    }

    /// Sets the nonce from the packet's IV, and takes in the additional data.
    private func begin(
        _ memory: Span<UInt8>, _ parts: ESPPacketParts, _ sequenceNumber: UInt64
    ) throws(CryptoFault) {
        var salted = InlineArray<12, UInt8>(repeating: 0)
        var nonce = salted.mutableSpan
        nonce.store(self.salt, at: 0)
        nonce.copy(parts.iv, of: memory, to: Self.saltLength)
        try self.context.begin(iv: nonce.span)
        guard self.hasExtendedNumbers else {
            return try self.context.authenticate(memory.extracting(parts.header))
        }
        // RFC 4106 §5: SPI | high half | low half, of which the high one is not in the packet.
        var data = InlineArray<12, UInt8>(repeating: 0)
        var span = data.mutableSpan
        span.store(memory.load32(parts.start), at: 0)
        span.store(sequenceNumber, at: 4)
        try self.context.authenticate(span.span)
    }
}
