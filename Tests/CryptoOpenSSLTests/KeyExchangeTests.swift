import IPsecModel
import Testing

@testable import CryptoOpenSSL

/// One side of a key exchange with all its values.
struct KeyExchangeCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let group: UInt16
    let pkcs8: Hex
    let publicValue: Hex
    let peerValue: Hex
    let sharedSecret: Hex
    var testDescription: String { self.name }

    static let files = ["modp", "ecp-rfc5903", "ecp-padding", "montgomery-rfc7748"]

    func exchange() throws -> OpenSSLKeyExchange {
        let group = try #require(KeyExchangeGroup(KeyExchangeMethod(rawValue: self.group)))
        return try OpenSSLKeyExchange(group, PrivateKey(group, pkcs8: self.pkcs8.bytes))
    }
}

@Suite struct KeyExchangeTests {
    private let provider = OpenSSLProvider()
    private static let methods = KeyExchangeGroup.all.map(\.method)

    @Test(arguments: try Vectors.load(KeyExchangeCase.files, as: KeyExchangeCase.self))
    func `public value and shared secret are the known ones`(_ vector: KeyExchangeCase) throws {
        let exchange = try vector.exchange()
        #expect(exchange.publicValue == vector.publicValue.bytes)
        let secret = try exchange.sharedSecret(with: vector.peerValue.bytes[...])
        #expect(secret.copy == vector.sharedSecret.bytes)
    }

    @Test func `groups 14 to 16, 19 to 21, 31 and 32 are there`() {
        #expect(Self.methods.map(\.rawValue) == [14, 15, 16, 19, 20, 21, 31, 32])
    }

    @Test(arguments: methods)
    func `two fresh exchanges meet`(_ method: KeyExchangeMethod) throws {
        let group = try #require(KeyExchangeGroup(method))
        let ours = try self.provider.keyExchange(method)
        let theirs = try self.provider.keyExchange(method)
        #expect(ours.method == method)
        #expect(ours.publicValue.count == group.publicLength)
        #expect(ours.publicValue != theirs.publicValue)
        let secret = try ours.sharedSecret(with: theirs.publicValue[...])
        #expect(secret.count == group.secretLength)
        #expect(try theirs.sharedSecret(with: ours.publicValue[...]).isEqual(to: secret))
    }

    @Test(arguments: methods)
    func `a private value serves once`(_ method: KeyExchangeMethod) throws {
        let ours = try self.provider.keyExchange(method)
        let theirs = try self.provider.keyExchange(method)
        _ = try ours.sharedSecret(with: theirs.publicValue[...])
        let fault = #expect(throws: CryptoFault.self) {
            try ours.sharedSecret(with: theirs.publicValue[...])
        }
        guard case .unavailable = fault else {
            Issue.record("\(String(describing: fault))")
            return
        }
    }

    @Test(arguments: methods)
    func `a refused value does not end the exchange`(_ method: KeyExchangeMethod) throws {
        let ours = try self.provider.keyExchange(method)
        let theirs = try self.provider.keyExchange(method)
        #expect(throws: CryptoFault.self) { try ours.sharedSecret(with: []) }
        let zeros = [UInt8](repeating: 0, count: theirs.publicValue.count)
        #expect(throws: CryptoFault.self) { try ours.sharedSecret(with: zeros[...]) }
        _ = try ours.sharedSecret(with: theirs.publicValue[...])
    }

    @Test(arguments: [0, 1, 2, 5, 17, 18, 22, 24, 33, 35, 36, 65_535])
    func `a group that we do not have is unavailable`(_ number: UInt16) {
        #expect(throws: CryptoFault.unavailable("key exchange method \(number)")) {
            try self.provider.keyExchange(KeyExchangeMethod(rawValue: number))
        }
    }
}
