import IPsecModel
import Testing

@testable import CryptoOpenSSL

private struct HMACCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hash: HashName
    let key: Hex
    let data: Hex
    let output: Hex
    var testDescription: String { self.name }
}

private struct ExpansionCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hash: HashName
    let key: Hex
    let seed: Hex
    let output: Hex
    var testDescription: String { self.name }
}

@Suite struct PRFTests {
    private let provider = OpenSSLProvider()

    @Test(arguments: try Vectors.load("hmac", as: HMACCase.self))
    private func `a PRF gives the known answer`(_ vector: HMACCase) throws {
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let output = try prf.compute(key: vector.key.secret, [vector.data.bytes[...]])
        #expect(output.copy == vector.output.bytes)
        #expect(prf.outputLength == vector.output.bytes.count)
    }

    @Test(arguments: try Vectors.load("hmac", as: HMACCase.self))
    private func `a PRF does not care how its input is divided`(_ vector: HMACCase) throws {
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let data = vector.data.bytes
        let parts = try prf.compute(key: vector.key.secret, [data[..<3], [], data[3...]])
        #expect(parts.copy == vector.output.bytes)
        let secret = SecretBytes(copying: data[..<5])
        let prefixed = try prf.compute(key: vector.key.secret, secretPrefix: secret, [data[5...]])
        #expect(prefixed.copy == vector.output.bytes)
    }

    @Test(arguments: try Vectors.load("hkdf-expand", as: ExpansionCase.self))
    private func `prf+ is the expansion step of HKDF`(_ vector: ExpansionCase) throws {
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let output = try prf.expand(
            key: vector.key.secret, seed: vector.seed.bytes, count: vector.output.bytes.count)
        #expect(output.copy == vector.output.bytes)
    }

    // RFC 2104: a key is filled up with zeros, so no key at all and one of zeros are the same. The answer is
    // that of Python 3's hmac.new(b"", b"", "sha256").
    @Test func `a key may be empty`() throws {
        let prf = try #require(self.provider.prf(.hmacSHA256))
        let expected = try Hex("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
        // After another key, which a careless "no key" would keep.
        _ = try prf.compute(key: SecretBytes(copying: [1, 2, 3]), [[4]])
        #expect(try prf.compute(key: SecretBytes(copying: []), []).copy == expected.bytes)
        #expect(try prf.compute(key: SecretBytes(copying: [0]), [[]]).copy == expected.bytes)
        let empty = SecretBytes(copying: [])
        #expect(try prf.compute(key: empty, secretPrefix: empty, []).copy == expected.bytes)
    }

    @Test func `a provider lends the same PRF each time, and nothing of a key stays in the result`() throws {
        let first = try #require(self.provider.prf(.hmacSHA384))
        let second = try #require(self.provider.prf(.hmacSHA384))
        #expect(first === second)
        let key = SecretBytes(copying: [7])
        let before = try first.compute(key: key, [[1]])
        _ = try second.compute(key: SecretBytes(copying: [8]), [[2]])
        #expect(try first.compute(key: key, [[1]]).isEqual(to: before))
    }

    @Test(arguments: [
        PseudorandomFunction.hmacMD5, .hmacSHA1, .aesXCBC, .aesCMAC, PseudorandomFunction(rawValue: 999),
    ])
    func `a PRF that we do not have is nil`(_ function: PseudorandomFunction) {
        #expect(self.provider.prf(function) == nil)
    }
}
