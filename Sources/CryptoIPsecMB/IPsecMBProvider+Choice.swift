package import IPsecModel

extension IPsecMBProvider {
    /// What to make transforms with, and a sentence for the log on why.
    package struct Choice {
        /// intel-ipsec-mb where it is better, and `reference` for the rest.
        package let provider: any ESPTransformProvider
        /// Which it is, or why intel-ipsec-mb is not used.
        package let reason: String
    }

    /// intel-ipsec-mb for what it can, if it is there, agrees with `reference`, and is faster; else `reference` alone.
    ///
    /// OpenSSL's later versions use the same instructions, and then there is no reason to load two libraries' code.
    package static func choice(over reference: any ESPTransformProvider) -> Choice {
        do {
            let candidate = try IPsecMBProvider(checkedAgainst: reference)
            return Self.faster(candidate, reference)
        } catch {
            return Choice(provider: reference, reason: "\(reference.name) alone: \(error.reason)")
        }
    }

    /// Measures both; the times are for the log.
    static func faster(
        _ candidate: any ESPTransformProvider, _ reference: any ESPTransformProvider
    ) -> Choice {
        guard let mine = Self.sealingTime(candidate), let theirs = Self.sealingTime(reference) else {
            return Choice(
                provider: reference, reason: "\(reference.name) alone: the speed could not be measured")
        }
        let times = "1400 bytes are sealed in \(mine) ns, by \(reference.name) in \(theirs) ns"
        guard mine < theirs else {
            return Choice(
                provider: reference,
                reason: "\(reference.name) alone: \(candidate.name) is not faster, \(times)")
        }
        return Choice(
            provider: PreferredTransforms(candidate, otherwise: reference),
            reason: "\(candidate.name) for AES-GCM: \(times)")
    }

    /// Nanoseconds that sealing 1400 bytes with AES-128-GCM takes: the best of several rounds, for something else may run
    /// on this processor meanwhile. Nil if it does not seal.
    private static func sealingTime(_ provider: any ESPTransformProvider) -> Int64? {
        let (rounds, packets) = (12, 32)
        let protection = ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil)
        let suite = ESPSuite(protection: protection, sequenceNumbers: .short, keyExchange: nil)
        let key = SecretBytes(copying: Array(0..<20))
        let keys = ESPKeys(encryption: key, integrity: SecretBytes(copying: []))
        guard
            case .success(let transform) = Result(catching: { () throws(CryptoFault) in
                try provider.transform(suite, keys: keys, .outbound)
            })
        else { return nil }
        let count = ESPPacketParts.headerLength + transform.ivLength + 1_400 + transform.icvLength
        var memory = [UInt8](repeating: 0, count: count)
        var span = memory.mutableSpan
        var best = Duration.seconds(1)
        var number: UInt64 = 0
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            for _ in 0..<packets {
                number += 1
                do { try transform.seal(&span, 0..<count, sequenceNumber: number) } catch { return nil }
            }
            best = min(best, ContinuousClock.now - start)
        }
        return Int64(best / .nanoseconds(1)) / Int64(packets)
    }
}
