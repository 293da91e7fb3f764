import IPsecModel
import Testing

@testable import CryptoOpenSSL

@Suite struct ProviderTests {
    private let provider = OpenSSLProvider()

    // FIPS 180-4's examples ("abc", the 448-bit text) and the digest of nothing, as `sha1sum /dev/null` says.
    @Test(arguments: [
        ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        ),
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ])
    func `SHA-1 gives the known answer`(text: String, digest: String) throws {
        #expect(try self.provider.sha1(Array(text.utf8)) == Hex(digest).bytes)
    }

    @Test(arguments: [0, 1, 8, 32, 256, 65_536])
    func `as many random bytes come as were asked for`(count: Int) throws {
        #expect(try self.provider.bytes(count).count == count)
    }

    @Test(arguments: [0, 1, 32, 65_536])
    func `a secret has as many bytes as were asked for, and is another each time`(count: Int) throws {
        let secret = try self.provider.secret(count)
        #expect(secret.count == count)
        let isDrawn = count < 32 || !secret.isAllZero
        #expect(isDrawn)
        if count >= 32 { #expect(!secret.isEqual(to: try self.provider.secret(count))) }
    }

    // Two equal draws of 32 bytes, or one octet value missing in 64 KiB, have chances below 2⁻²⁵⁰.
    @Test func `random bytes look random`() throws {
        #expect(try self.provider.bytes(32) != self.provider.bytes(32))
        #expect(Set(try self.provider.bytes(65_536)).count == 256)
    }

    @Test(arguments: [-1, Int(Int32.max) + 1, Int.min])
    func `an impossible number of random bytes is refused`(count: Int) {
        #expect(throws: CryptoFault.wrongLength(what: "random bytes", need: Int(Int32.max), have: count)) {
            try self.provider.bytes(count)
        }
        #expect(throws: CryptoFault.wrongLength(what: "random bytes", need: Int(Int32.max), have: count)) {
            try self.provider.secret(count)
        }
    }

    @Test(arguments: [
        Transform.encryption(.aesGCM16, 128), .encryption(.aesGCM16, 256), .encryption(.aesCBC, 128),
        .encryption(.aesCBC, 256), .encryption(.chacha20Poly1305), .prf(.hmacSHA256), .prf(.hmacSHA384),
        .prf(.hmacSHA512), .integrity(.hmacSHA256), .integrity(.hmacSHA384), .integrity(.hmacSHA512),
        .integrity(.none), .keyExchange(.modp2048), .keyExchange(.modp3072), .keyExchange(.modp4096),
        .keyExchange(.ecp256), .keyExchange(.ecp384), .keyExchange(.ecp521), .keyExchange(.x25519),
        .keyExchange(.x448), .sequenceNumbers(.short), .sequenceNumbers(.extended),
    ])
    func `what we have is supported`(_ transform: Transform) {
        #expect(self.provider.supports(transform))
    }

    @Test(arguments: [
        Transform.encryption(.aesGCM16, 192), .encryption(.aesGCM16), .encryption(.aesCBC, 192),
        .encryption(.aesCBC), .encryption(.aesGCM8, 128), .encryption(.aesGCM12, 256),
        .encryption(.aesCCM16, 128), .encryption(.chacha20Poly1305, 256), .encryption(.null),
        .encryption(.tripleDES), .encryption(EncryptionAlgorithm(rawValue: 9_999), 128), .prf(.hmacSHA1),
        .prf(.hmacMD5), .integrity(.hmacSHA1), .integrity(.aesXCBC), .keyExchange(.modp1024),
        .keyExchange(.modp1536), .keyExchange(KeyExchangeMethod(rawValue: 0)),
        Transform(type: .sequenceNumbers, id: 2), Transform(type: TransformType(rawValue: 6), id: 35),
    ])
    func `what we do not have is not supported`(_ transform: Transform) {
        #expect(!self.provider.supports(transform))
    }

    // One thread's error queue serves all: a failure that nobody collects would be told with the next one.
    @Test func `a refused value leaves nothing in the error queue`() throws {
        let exchange = try self.provider.keyExchange(.ecp256)
        let fault = #expect(throws: CryptoFault.self) {
            try exchange.sharedSecret(with: [UInt8](repeating: 1, count: 64)[...])
        }
        guard case .invalidPublicValue(let reason) = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
        #expect(reason.contains("point is not on curve"))
        #expect(drainErrorQueue().isEmpty)
    }

    @Test func `the library says why it failed`() throws {
        let group = try #require(KeyExchangeGroup(.x25519))
        let fault = #expect(throws: CryptoFault.self) { try PrivateKey(group, pkcs8: [0x30, 0x03, 1, 2, 3]) }
        guard case .library(operation: "d2i_AutoPrivateKey_ex", let text) = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
        #expect(text.hasPrefix("error:"))
        #expect(drainErrorQueue().isEmpty)
    }
}
