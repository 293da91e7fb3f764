import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Tokens and their fingerprints (RFC 6290 §5).
@Suite struct QCDTokenTests {
    private let crypto = SeededCrypto(seed: 1)
    private let secret = SecretBytes(copying: Array(0...31 as ClosedRange<UInt8>))

    private func token(_ initiator: UInt64, _ responder: UInt64, _ secret: SecretBytes? = nil) throws
        -> [UInt8]
    {
        try QCDTokenMaker(secret: secret ?? self.secret).token(
            initiatorSPI: IKESPI(initiator), responderSPI: IKESPI(responder), crypto: self.crypto)
    }

    private func fingerprint(_ token: [UInt8]) throws -> QCDFingerprint? {
        try QCDFingerprint(of: token, crypto: self.crypto)
    }

    /// Computed with Python's hmac: SHA-256, the first 16 bytes.
    @Test func `a token is the HMAC of both SPIs under the secret`() throws {
        let expected = "d33a27dc6578ed01a6079492341c8269"
        #expect(hexadecimal(try self.token(0x1122_3344_5566_7788, 0x99aa_bbcc_ddee_ff00)) == expected)
    }

    @Test func `each SPI and the secret make another token`() throws {
        let other = SecretBytes(copying: [UInt8](repeating: 7, count: 32))
        let tokens = try [
            self.token(1, 2), self.token(2, 1), self.token(1, 3), self.token(3, 2), self.token(1, 2, other),
        ]
        #expect(Set(tokens).count == tokens.count)
    }

    @Test(arguments: [(0, false), (15, false), (16, true), (128, true), (129, false), (60_000, false)])
    func `only tokens of 16 to 128 octets are kept`(length: Int, isKept: Bool) throws {
        #expect(try (self.fingerprint([UInt8](repeating: 1, count: length)) != nil) == isKept)
    }

    @Test(arguments: [16, 17, 128])
    func `a token with another bit, length or order has another fingerprint`(length: Int) throws {
        let token = try self.crypto.bytes(length)
        let kept = try #require(try self.fingerprint(token))
        #expect(try #require(try self.fingerprint(token)).isEqual(to: kept))
        var others: [[UInt8]] = (0..<length * 8).map { bit in
            var other = token
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            return other
        }
        others += [token.reversed(), token + [0]]
        for other in others {
            guard let fingerprint = try self.fingerprint(other) else { continue }
            #expect(!fingerprint.isEqual(to: kept))
        }
    }

    @Test func `a kept token takes 16 bytes`() {
        #expect(MemoryLayout<QCDFingerprint>.size == 16)
    }
}
