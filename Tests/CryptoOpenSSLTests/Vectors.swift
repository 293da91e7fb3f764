import Foundation
import IPsecModel
import Testing

/// The files of `Vectors`, one type for each format; the runners are the tests.
enum Vectors {
    private struct File<Case: Decodable>: Decodable {
        let source: String
        let cases: [Case]
    }

    private struct Missing: Error {
        let file: String
    }

    /// The cases of `file`; a file that is missing or has none fails the test that asks.
    static func load<Case: Decodable>(_ file: String, as type: Case.Type = Case.self) throws -> [Case] {
        guard let url = Bundle.module.url(forResource: "Vectors/\(file)", withExtension: "json") else {
            throw Missing(file: file)
        }
        let cases = try JSONDecoder().decode(File<Case>.self, from: Data(contentsOf: url)).cases
        guard !cases.isEmpty else { throw Missing(file: file) }
        return cases
    }

    /// The cases of several files of one format.
    static func load<Case: Decodable>(_ files: [String], as type: Case.Type = Case.self) throws -> [Case] {
        try files.flatMap { try self.load($0, as: type) }
    }
}

/// Bytes that JSON holds in hexadecimal.
struct Hex: Decodable, Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    init(_ text: String) throws {
        let digits = Array(text.utf8)
        self.bytes = try stride(from: 0, to: digits.count, by: 2).map { index in
            let pair = String(decoding: digits[index..<min(index + 2, digits.count)], as: UTF8.self)
            return try #require(UInt8(pair, radix: 16))
        }
    }

    init(from decoder: any Decoder) throws {
        try self.init(decoder.singleValueContainer().decode(String.self))
    }

    var secret: SecretBytes { SecretBytes(copying: self.bytes) }
}

/// Names of hash functions in the vector files.
enum HashName: String, Decodable, Sendable {
    case none = ""
    case sha256
    case sha384
    case sha512

    var prf: PseudorandomFunction {
        switch self {
        case .sha256: return .hmacSHA256
        case .sha384: return .hmacSHA384
        case .none, .sha512: return .hmacSHA512
        }
    }

    var integrity: IntegrityAlgorithm? {
        switch self {
        case .none: return nil
        case .sha256: return .hmacSHA256
        case .sha384: return .hmacSHA384
        case .sha512: return .hmacSHA512
        }
    }
}

/// Names of ciphers in the vector files.
enum CipherName: String, Decodable, Sendable {
    case aesGCM16
    case aesCBC
    case chacha20Poly1305

    var algorithm: EncryptionAlgorithm {
        switch self {
        case .aesGCM16: return .aesGCM16
        case .aesCBC: return .aesCBC
        case .chacha20Poly1305: return .chacha20Poly1305
        }
    }
}

extension SecretBytes {
    /// A copy to compare with a vector; only tests may make one.
    var copy: [UInt8] { self.withBytes { bytes in (0..<bytes.count).map { bytes[$0] } } }
}
