internal import Glibc
internal import IPsecModel

/// One direction of an ESP SA with AES-GCM (RFC 4106), by intel-ipsec-mb.
///
/// The nonce is salt | IV, and the IV of what we seal is the 64-bit sequence number (RFC 4106 §3.1).
@safe final class GCMTransform: ESPTransform {
    private static let saltLength = 4
    // The transform's memory: the library's two structures, and what a call reads and writes beside the packet.
    private static let contextOffset = 1_024
    private static let nonceOffset = 1_120
    private static let dataOffset = 1_136
    private static let icvOffset = 1_152
    private static let memorySize = 1_168

    private let functions: GCMFunctions
    private let direction: ESPDirection
    private let hasExtendedNumbers: Bool
    // SAFETY: allocated in `init`, wiped and freed in `deinit`, used by one thread at a time (not `Sendable`).
    private let memory: UnsafeMutableRawPointer

    var ivLength: Int { 8 }
    var icvLength: Int { 16 }
    var alignment: Int { 4 }

    /// `keyAndSalt` is the key and, behind it, the salt.
    init(
        _ functions: GCMFunctions, keyAndSalt: SecretBytes, _ direction: ESPDirection,
        hasExtendedNumbers: Bool
    ) throws(CryptoFault) {
        let need = functions.keyLength + Self.saltLength
        guard keyAndSalt.count == need else {
            throw .wrongLength(what: "encryption key with salt", need: need, have: keyAndSalt.count)
        }
        self.functions = functions
        self.direction = direction
        self.hasExtendedNumbers = hasExtendedNumbers
        // SAFETY: room for both structures, whose sizes `GCMFunctions` has checked; the key has the length that is read.
        unsafe self.memory = .allocate(byteCount: Self.memorySize, alignment: GCMFunctions.alignment)
        unsafe self.memory.initializeMemory(as: UInt8.self, repeating: 0, count: Self.memorySize)
        keyAndSalt.withBytes { bytes in
            unsafe bytes.withUnsafeBytes { unsafe functions.precompute($0.baseAddress, self.memory) }
            // The salt, the first part of every nonce, makes nonces differ between SAs.
            self.store(bytes.load32(functions.keyLength), at: Self.nonceOffset)
        }
    }

    deinit {
        // SAFETY: the last reference is gone.
        unsafe explicit_bzero(self.memory, Self.memorySize)
        unsafe self.memory.deallocate()
    }

    func seal(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .outbound else { throw .unavailable("sealing on an inbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        memory.store(sequenceNumber, at: parts.iv.lowerBound)
        // SAFETY: `parts` lies within the packet, so the ICV does.
        unsafe memory.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            unsafe self.run(
                self.functions.seal, start, parts, sequenceNumber, icv: start + parts.icv.lowerBound)
        }
    }

    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        guard self.direction == .inbound else { throw .unavailable("opening on an outbound SA") }
        let parts = try ESPPacketParts(packet, in: memory.count, of: self)
        guard memory.load32(parts.sequenceNumber) == UInt32(truncatingIfNeeded: sequenceNumber) else {
            throw .wrongICV
        }
        // SAFETY: `parts` lies within the packet; behind `icvOffset` there is room for an ICV.
        let isRight = unsafe memory.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            let icv = unsafe self.memory + Self.icvOffset
            unsafe self.run(self.functions.open, start, parts, sequenceNumber, icv: icv)
            return unsafe self.equal(icv, start + parts.icv.lowerBound)
        }
        guard isRight else { throw .wrongICV }
    }

    /// Enciphers or deciphers the text in place, and writes the ICV that belongs to the ciphertext to `icv`.
    private func run(
        _ function: GCMFunctions.Message, _ packet: UnsafeMutableRawPointer, _ parts: ESPPacketParts,
        _ sequenceNumber: UInt64, icv: UnsafeMutableRawPointer
    ) {
        // SAFETY: the caller's packet has all its parts, and the transform's memory has room for 12 bytes behind each
        // offset. The function reads an IV of 12 bytes and additional data of `dataLength`, and writes an ICV of 16.
        unsafe (self.memory + Self.nonceOffset + Self.saltLength).copyMemory(
            from: packet + parts.iv.lowerBound, byteCount: self.ivLength)
        // RFC 4106 §5: SPI | sequence number, or SPI | high half | low half.
        unsafe (self.memory + Self.dataOffset).copyMemory(
            from: packet + parts.start, byteCount: ESPPacketParts.headerLength)
        if self.hasExtendedNumbers { self.store(sequenceNumber, at: Self.dataOffset + 4) }
        let dataLength: UInt64 = self.hasExtendedNumbers ? 12 : 8
        let text = unsafe packet + parts.text.lowerBound
        unsafe function(
            self.memory, self.memory + Self.contextOffset, text, text, UInt64(parts.text.count),
            self.memory + Self.nonceOffset, self.memory + Self.dataOffset, dataLength, icv,
            UInt64(self.icvLength))
    }

    /// Writes `number` in network byte order behind `offset` of the transform's memory.
    private func store(_ number: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        // SAFETY: the offsets are the constants above.
        unsafe self.memory.storeBytes(of: number.bigEndian, toByteOffset: offset, as: type(of: number).self)
    }

    /// True if two ICVs are equal; the time tells nothing.
    private func equal(_ left: UnsafeMutableRawPointer, _ right: UnsafeMutableRawPointer) -> Bool {
        // SAFETY: the caller has 16 bytes at both.
        let a = unsafe left.loadUnaligned(as: SIMD2<UInt64>.self)
        let b = unsafe right.loadUnaligned(as: SIMD2<UInt64>.self)
        let difference = a ^ b
        return (difference.x | difference.y) == 0
    }
}
