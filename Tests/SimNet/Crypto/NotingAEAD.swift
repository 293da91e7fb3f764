internal import IPsecModel

/// A cipher that tells the flight recorder its keys, when a message of IKE shows what they are for.
final class NotingAEAD: AEAD {
    private let cipher: any AEAD
    private let protection: ProtectionSuite
    private let encryptionKey: SecretBytes
    private let integrityKey: SecretBytes
    private let recorder: FlightRecorder
    private var isNoted = false

    init(
        _ cipher: any AEAD, _ protection: ProtectionSuite, encryptionKey: SecretBytes,
        integrityKey: SecretBytes,
        recorder: FlightRecorder
    ) {
        self.cipher = cipher
        self.protection = protection
        self.encryptionKey = encryptionKey
        self.integrityKey = integrityKey
        self.recorder = recorder
    }

    var ivLength: Int { self.cipher.ivLength }
    var icvLength: Int { self.cipher.icvLength }
    var blockSize: Int { self.cipher.blockSize }

    func seal(_ text: [UInt8], iv: [UInt8], aad: ArraySlice<UInt8>) throws(CryptoFault) -> [UInt8] {
        self.note(aad)
        return try self.cipher.seal(text, iv: iv, aad: aad)
    }

    func open(
        _ sealed: ArraySlice<UInt8>, iv: ArraySlice<UInt8>, aad: ArraySlice<UInt8>
    ) throws(CryptoFault) -> [UInt8] {
        let text = try self.cipher.open(sealed, iv: iv, aad: aad)
        self.note(aad)
        return text
    }

    /// What is authenticated begins with the message's header (RFC 5282 §5.1).
    private func note(_ aad: ArraySlice<UInt8>) {
        guard !self.isNoted else { return }
        self.isNoted = true
        self.recorder.note(
            header: aad, self.protection, encryption: self.encryptionKey, integrity: self.integrityKey)
    }
}
