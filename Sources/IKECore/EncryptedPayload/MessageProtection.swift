internal import IKEWire
internal import IPsecModel

/// Why a protected message could not be opened.
enum OpeningFault: Error, Hashable {
    /// It is not authentic, or does not belong here.
    case drop(DropReason)
    /// It is authentic, and what it protects is malformed.
    case malformedInside
    /// The crypto library failed.
    case crypto(CryptoFault)
}

/// Seals and opens the Encrypted payload with the keys of one IKE_SA (RFC 7296 §3.14).
struct MessageProtection {
    private let outbound: any AEAD
    private let inbound: any AEAD
    private let usesCounter: Bool
    private var nextIV: UInt64 = 1

    /// The protection for our side of an IKE_SA.
    init(keys: IKEKeys, isOriginalInitiator: Bool) {
        self.outbound = isOriginalInitiator ? keys.initiatorCipher : keys.responderCipher
        self.inbound = isOriginalInitiator ? keys.responderCipher : keys.initiatorCipher
        self.usesCounter = keys.suite.protection.encryption.isAEAD
    }

    /// The datagrams of a message; several if it is longer than `fragmentOctets` (RFC 7383).
    mutating func seal(
        _ header: IKEHeader, _ payloads: [Payload], fragmentOctets: Int?, crypto: any CryptoProvider
    ) throws(SealingFault) -> [[UInt8]] {
        let cipher = self.outbound
        let sizes = ProtectionSizes(
            ivLength: cipher.ivLength, icvLength: cipher.icvLength, blockSize: cipher.blockSize)
        var iv = self.nextIV
        let usesCounter = self.usesCounter
        defer { self.nextIV = iv }
        let seal: IKEMessageEncoder.Seal = { (text, aad) throws(CryptoFault) in
            // A counter for combined modes, where an IV must never come twice (RFC 5282 §3.1); chance for
            // CBC, where it must not be foreseen.
            let fresh = usesCounter ? Self.bytes(iv) : try crypto.bytes(cipher.ivLength)
            iv &+= 1  // 2⁶⁴ messages under one key: message IDs end long before
            return (fresh, try cipher.seal(text, iv: fresh, aad: aad))
        }
        return try IKEMessageEncoder.datagrams(
            header, payloads, maximumOctets: fragmentOctets ?? WireLimits.messageOctets, sizes: sizes,
            seal: seal)
    }

    /// The text of an Encrypted or Encrypted Fragment payload, its padding removed.
    func open(_ body: EncryptedBody) throws(OpeningFault) -> [UInt8] {
        let parts: (iv: ArraySlice<UInt8>, sealed: ArraySlice<UInt8>)
        do throws(WireFault) {
            parts = try body.parts(ivLength: self.inbound.ivLength, icvLength: self.inbound.icvLength)
        } catch { throw .drop(.malformed) }
        let text: [UInt8]
        do throws(CryptoFault) {
            text = try self.inbound.open(parts.sealed, iv: parts.iv, aad: body.associatedData)
        } catch {
            switch error {
            case .wrongICV: throw .drop(.wrongICV)
            // The peer chose the length: not a multiple of the block, or too short.
            case .wrongLength: throw .drop(.malformed)
            case .invalidPublicValue, .unavailable, .library: throw .crypto(error)
            }
        }
        do throws(WireFault) {
            return Array(try EncryptedText.unpad(text))
        } catch { throw .malformedInside }
    }

    private static func bytes(_ number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
    }
}
