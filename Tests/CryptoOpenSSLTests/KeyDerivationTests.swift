import IPsecModel
import Testing

@testable import CryptoOpenSSL

/// NIST's shape of IKEv2 vectors (SP 800-135).
private struct DerivationCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hash: HashName
    let ni: Hex
    let nr: Hex
    let initiatorSPI: Hex
    let responderSPI: Hex
    let sharedSecret: Hex
    let skeyseed: Hex
    let keys: Hex
    let childKeys: Hex?
    let newSharedSecret: Hex?
    let childKeysWithPFS: Hex?
    let rekeyedSKEYSEED: Hex?
    var testDescription: String { self.name }
}

/// An SA that strongSwan keyed: an IKE_SA if it has SPIs, else a CHILD_SA.
private struct RecordedSA: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let hash: HashName
    let ni: Hex
    let nr: Hex
    let initiatorSPI: Hex?
    let responderSPI: Hex?
    let sharedSecret: Hex?
    let skeyseed: Hex?
    let oldSKd: Hex?
    let skD: Hex?
    let keys: Hex
    var testDescription: String { self.name }
}

/// SKEYSEED and KEYMAT by hand from the PRF, as RFC 7296 §2.14, §2.17 and §2.18 write them.
@Suite struct KeyDerivationTests {
    private let provider = OpenSSLProvider()

    @Test(arguments: try Vectors.load("ikev2-kdf", as: DerivationCase.self))
    private func `SKEYSEED and the keys of an IKE_SA are NIST's`(_ vector: DerivationCase) throws {
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let nonces = vector.ni.bytes + vector.nr.bytes
        let skeyseed = try prf.compute(
            key: SecretBytes(copying: nonces), secretPrefix: vector.sharedSecret.secret, [])
        #expect(skeyseed.copy == vector.skeyseed.bytes)
        let keys = try prf.expand(
            key: skeyseed, seed: nonces + vector.initiatorSPI.bytes + vector.responderSPI.bytes,
            count: vector.keys.bytes.count)
        #expect(keys.copy == vector.keys.bytes)
    }

    @Test func `keys of a CHILD_SA and the SKEYSEED of a rekeyed IKE_SA are NIST's`() throws {
        let vector = try #require(
            try Vectors.load("ikev2-kdf", as: DerivationCase.self).first { $0.childKeys != nil })
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let skD = SecretBytes(copying: vector.keys.bytes.prefix(prf.outputLength))
        let nonces = vector.ni.bytes + vector.nr.bytes
        let child = try #require(vector.childKeys).bytes
        #expect(try prf.expand(key: skD, seed: nonces, count: child.count).copy == child)
        let secret = try #require(vector.newSharedSecret)
        let withPFS = try #require(vector.childKeysWithPFS).bytes
        #expect(
            try prf.expand(key: skD, seed: secret.bytes + nonces, count: withPFS.count).copy == withPFS)
        let skeyseed = try prf.compute(key: skD, secretPrefix: secret.secret, [nonces[...]])
        #expect(skeyseed.copy == vector.rekeyedSKEYSEED?.bytes)
    }

    @Test(arguments: try Vectors.load("strongswan-keys", as: RecordedSA.self))
    private func `strongSwan derives the same keys`(_ vector: RecordedSA) throws {
        let prf = try #require(self.provider.prf(vector.hash.prf))
        let nonces = vector.ni.bytes + vector.nr.bytes
        let secret = vector.sharedSecret ?? Hex([])
        let count = vector.keys.bytes.count
        guard let initiatorSPI = vector.initiatorSPI, let responderSPI = vector.responderSPI else {
            let skD = try #require(vector.skD).secret
            let keys = try prf.expand(key: skD, seed: secret.bytes + nonces, count: count)
            #expect(keys.copy == vector.keys.bytes)
            return
        }
        let skeyseed: SecretBytes
        if let oldSKd = vector.oldSKd {
            skeyseed = try prf.compute(key: oldSKd.secret, secretPrefix: secret.secret, [nonces[...]])
        } else {
            skeyseed = try prf.compute(
                key: SecretBytes(copying: nonces), secretPrefix: secret.secret, [])
        }
        #expect(skeyseed.copy == vector.skeyseed?.bytes)
        let seed = nonces + initiatorSPI.bytes + responderSPI.bytes
        #expect(try prf.expand(key: skeyseed, seed: seed, count: count).copy == vector.keys.bytes)
    }
}
