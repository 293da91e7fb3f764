internal import IPsecModel

/// Two providers against each other: what one seals, the other must open, and nobody may open what was changed.
enum TransformComparison {
    /// A sentence on the first difference, or nil if there is none.
    static func difference(
        _ candidate: any ESPTransformProvider, _ reference: any ESPTransformProvider
    ) -> String? {
        for keyLength in [128, 256] {
            for numbers in [SequenceNumbers.short, .extended] {
                let protection = ProtectionSuite(encryption: .aesGCM16, keyLength: keyLength, integrity: nil)
                let suite = ESPSuite(protection: protection, sequenceNumbers: numbers, keyExchange: nil)
                do {
                    try Self.compare(suite, from: candidate, to: reference)
                    try Self.compare(suite, from: reference, to: candidate)
                } catch {
                    switch error {
                    case .differs(let what): return "\(suite): \(what)"
                    case .fault(let fault): return "\(suite): \(fault)"
                    }
                }
            }
        }
        return nil
    }

    private enum Failure: Error {
        case differs(String)
        case fault(CryptoFault)
    }

    /// Each aligned length up to 256, so that all ends of the functions' loops are met, then some larger ones.
    private static let lengths =
        Array(stride(from: 0, through: 256, by: 4)) + [
            260, 508, 512, 516, 764, 768, 772, 1_020, 1_024, 1_028, 1_280, 1_400, 1_440, 1_500, 9_000,
        ]

    private static func compare(
        _ suite: ESPSuite, from sender: any ESPTransformProvider, to receiver: any ESPTransformProvider
    ) throws(Failure) {
        let key = (0..<suite.protection.encryptionKeyBytes).map {
            UInt8(truncatingIfNeeded: 0x9d &* ($0 + 3))
        }
        let keys = ESPKeys(encryption: SecretBytes(copying: key), integrity: SecretBytes(copying: []))
        do {
            let (sealing, opening) = (
                try sender.transform(suite, keys: keys, .outbound),
                try receiver.transform(suite, keys: keys, .inbound)
            )
            for length in Self.lengths {
                // A high half that is not 0, and a low one that differs each time.
                let number = 0x0102_0304_8000_0000 + UInt64(length)
                try Self.compare(sealing, opening, length: length, number)
            }
        } catch let fault as CryptoFault {
            throw .fault(fault)
        } catch let failure as Failure {
            throw failure
        } catch { throw .differs("\(error)") }
    }

    private static func compare(
        _ sender: any ESPTransform, _ receiver: any ESPTransform, length: Int, _ number: UInt64
    ) throws {
        let start = ESPPacketParts.headerLength + sender.ivLength
        let packet = 0..<(start + length + sender.icvLength)
        var memory = [UInt8](repeating: 0, count: packet.upperBound)
        for index in 0..<length { memory[start + index] = UInt8(truncatingIfNeeded: index &* 31 &+ length) }
        var span = memory.mutableSpan
        span.store(UInt32(0xc0de_0000), at: 0)
        span.store(UInt32(truncatingIfNeeded: number), at: 4)
        let text = Array(memory[start..<(start + length)])
        span = memory.mutableSpan
        try sender.seal(&span, packet, sequenceNumber: number)
        try Self.requireRefusals(receiver, memory, number)
        span = memory.mutableSpan
        try receiver.open(&span, packet, sequenceNumber: number)
        guard Array(memory[start..<(start + length)]) == text else {
            throw Failure.differs("a text of \(length) bytes is another after sealing and opening")
        }
    }

    /// One bit of each part of `packet` is turned: SPI, number, IV, text (if there is one) and ICV.
    private static func requireRefusals(
        _ receiver: any ESPTransform, _ packet: [UInt8], _ number: UInt64
    ) throws {
        let count = packet.count
        for offset in [0, 7, 9, count / 2, count - receiver.icvLength, count - 1] {
            var changed = packet
            changed[offset] ^= UInt8(1 << (offset % 8))
            var span = changed.mutableSpan
            do {
                try receiver.open(&span, 0..<count, sequenceNumber: number)
            } catch CryptoFault.wrongICV {
                continue
            }
            throw Failure.differs("a packet of \(count) bytes is opened though byte \(offset) was changed")
        }
    }
}
