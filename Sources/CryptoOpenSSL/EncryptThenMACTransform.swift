internal import IPsecModel

/// One direction of an ESP SA with AES-CBC (RFC 3602) and HMAC-SHA2-256-128, 384-192 or 512-256 (RFC 4868).
///
/// The ICV is the first half of HMAC(SPI | sequence number | IV | ciphertext), and with extended sequence numbers their
/// high half comes last (RFC 4303 §2.8). It is compared before anything is deciphered (RFC 4303 §3.4.4.1).
final class EncryptThenMACTransform: ESPTransform {
    private let context: CipherContext
    private let hmac: any PacketHMAC
    private let direction: ESPDirection
    private let hasExtendedNumbers: Bool
    private var vectors: RandomPool?

    var ivLength: Int { 16 }
    var alignment: Int { 16 }
    let icvLength: Int

    /// The cipher, the hash function of the integrity algorithm, and the keys of both.
    init(
        _ cipher: FetchedCipher, _ hash: HashFunction, _ keys: ESPKeys, _ direction: ESPDirection,
        hasExtendedNumbers: Bool
    ) throws(CryptoFault) {
        self.context = try CipherContext(cipher, key: keys.encryption, CipherContext.Direction(direction))
        self.hmac = try hash.packetHMAC(key: keys.integrity)
        self.direction = direction
        self.hasExtendedNumbers = hasExtendedNumbers
        self.icvLength = self.hmac.icvLength
        self.vectors = direction == .outbound ? RandomPool() : nil
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
        let icv = self.icv(memory.span, parts, sequenceNumber)
        memory.copy(0..<self.icvLength, of: icv.span, to: parts.icv.lowerBound)
    }

    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .inbound else { throw .unavailable("opening on an outbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        guard memory.load32(parts.sequenceNumber) == UInt32(truncatingIfNeeded: sequenceNumber) else {
            throw .wrongICV
        }
        let icv = self.icv(memory.span, parts, sequenceNumber)
        guard equalInConstantTime(icv.span.extracting(0..<self.icvLength), memory.span.extracting(parts.icv))
        else { throw .wrongICV }
        try self.context.begin(iv: memory.span.extracting(parts.iv))
        try self.context.transform(parts.text, of: &memory)
    }

    /// The ICV that the packet must have, in the first bytes of the result.
    private func icv(
        _ memory: Span<UInt8>, _ parts: ESPPacketParts, _ sequenceNumber: UInt64
    ) -> InlineArray<64, UInt8> {
        let high = self.hasExtendedNumbers ? UInt32(truncatingIfNeeded: sequenceNumber >> 32) : nil
        return self.hmac.icv(parts.authenticated, of: memory, suffix: high)
    }
}
