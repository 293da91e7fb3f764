import IPsecModel
import Testing

@testable import CryptoOpenSSL

private struct PrimeCase: Decodable, Sendable, CustomTestStringConvertible {
    let group: UInt16
    let prime: Hex
    var testDescription: String { "group \(self.group)" }
}

private struct LowOrderCase: Decodable, Sendable, CustomTestStringConvertible {
    let name: String
    let group: UInt16
    let peerValue: Hex
    var testDescription: String { self.name }
}

/// What a peer may not send (RFC 6989 §2, RFC 8031 §5).
@Suite struct PublicValueTests {
    private let provider = OpenSSLProvider()

    private func reason(_ method: KeyExchangeMethod, _ value: [UInt8]) throws -> String? {
        do {
            _ = try self.provider.keyExchange(method).sharedSecret(with: value[...])
            return nil
        } catch CryptoFault.invalidPublicValue(let reason) {
            return reason
        }
    }

    @Test(arguments: KeyExchangeGroup.all.map(\.method))
    func `a public value of another length is refused`(_ method: KeyExchangeMethod) throws {
        let group = try #require(KeyExchangeGroup(method))
        let good = try self.provider.keyExchange(method).publicValue
        for value in [[], [4], Array(good.dropLast()), Array(good.dropFirst()), good + [0], [0] + good] {
            let reason = "\(value.count) bytes instead of \(group.publicLength)"
            #expect(try self.reason(method, value) == reason)
        }
    }

    @Test(arguments: try Vectors.load("modp-primes", as: PrimeCase.self))
    private func `MODP values lie strictly between 1 and p - 1`(_ vector: PrimeCase) throws {
        let method = KeyExchangeMethod(rawValue: vector.group)
        let prime = vector.prime.bytes
        let zero = [UInt8](repeating: 0, count: prime.count)
        func plus(_ value: [UInt8], _ last: Int) -> [UInt8] {
            // The primes end in 64 bits of ones, so nothing is carried when something is taken away.
            value.dropLast() + [UInt8(Int(value[value.count - 1]) + last)]
        }
        #expect(try self.reason(method, zero) == "not greater than 1")
        #expect(try self.reason(method, plus(zero, 1)) == "not greater than 1")
        #expect(try self.reason(method, prime) == "not less than p − 1")
        #expect(try self.reason(method, plus(prime, -1)) == "not less than p − 1")
        #expect(try self.reason(method, zero.map { ~$0 }) == "not less than p − 1")
        #expect(try self.reason(method, plus(zero, 2)) == nil)
        #expect(try self.reason(method, plus(prime, -2)) == nil)
    }

    // The check is ours and must not lean on the library's: p + 1, which ends in 64 zeros, is the least that
    // a comparison of single octets would let through.
    @Test(arguments: try Vectors.load("modp-primes", as: PrimeCase.self))
    private func `values above p are refused whatever their last octets`(_ vector: PrimeCase) throws {
        var value = vector.prime.bytes
        // p = … x FFFFFFFFFFFFFFFF: one more octet up, all zeros after it.
        let zeros = value.count - 8
        for index in zeros..<value.count { value[index] = 0 }
        var index = zeros - 1
        while value[index] == 0xff {
            value[index] = 0
            index -= 1
        }
        value[index] += 1
        let reason = try self.reason(KeyExchangeMethod(rawValue: vector.group), value)
        #expect(reason == "not less than p − 1")
    }

    @Test(arguments: [KeyExchangeMethod.ecp256, .ecp384, .ecp521])
    func `points that are not on the curve are refused`(_ method: KeyExchangeMethod) throws {
        let good = try self.provider.keyExchange(method).publicValue
        let half = good.count / 2
        // The top octet of P-521 holds one bit, so bits are flipped at the end of x and of y.
        #expect(try self.reason(method, good.flipping(8 * half - 8)) != nil)
        #expect(try self.reason(method, good.flipping(8 * good.count - 8)) != nil)
        #expect(try self.reason(method, Array(good[half...] + good[..<half])) != nil)
        #expect(try self.reason(method, [UInt8](repeating: 0, count: good.count)) != nil)
        #expect(try self.reason(method, [UInt8](repeating: 0xff, count: good.count)) != nil)
        #expect(try self.reason(method, good) == nil)
    }

    // x + p is the same point to careless arithmetic. An x below 2²⁵⁶ − p has an x + p of 32 octets, and
    // x = 5 is on the curve; y and x + p: Python 3 integers, with the prime of FIPS 186-4 §D.1.2.3.
    @Test func `coordinates are below the prime`() throws {
        let x = "0000000000000000000000000000000000000000000000000000000000000005"
        let above = "ffffffff00000001000000000000000000000001000000000000000000000004"
        let y = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc"
        #expect(try self.reason(.ecp256, try Hex(x + y).bytes) == nil)
        #expect(try self.reason(.ecp256, try Hex(above + y).bytes) != nil)
    }

    @Test(arguments: try Vectors.load("montgomery-low-order", as: LowOrderCase.self))
    private func `points of low order are refused`(_ vector: LowOrderCase) throws {
        let method = KeyExchangeMethod(rawValue: vector.group)
        #expect(try self.reason(method, vector.peerValue.bytes) != nil)
    }
}
