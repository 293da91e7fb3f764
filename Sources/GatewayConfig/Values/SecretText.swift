internal import IPsecModel

/// Reader of `secret`: plain text, hexadecimal with `0x`, or Base64 with `0s`.
///
/// The key is decoded straight into memory that is wiped. The file's own text is an ordinary string, which
/// nothing wipes: whoever reads the file lets go of it after parsing.
enum SecretText {
    /// A key, and how it was written.
    struct Key {
        let bytes: SecretBytes
        /// Why it is easy to guess, in words for "psk of 'x' is …"; nil if it is not.
        let weakness: String?
    }

    /// Characters that a passphrase should have.
    static let passphraseLength = 20
    /// Bytes that a binary key should have.
    static let binaryLength = 16

    /// The key that `value` means.
    static func key(_ value: LocatedText) throws(ValueFault) -> Key {
        let body = value.bytes.dropFirst(2)
        guard value.bytes.first == UInt8(ascii: "0"), let mark = value.bytes.dropFirst().first else {
            return Self.plain(value)
        }
        switch mark | 0x20 {
        case UInt8(ascii: "x"): return Self.binary(try Self.hexadecimal(body, value))
        case UInt8(ascii: "s"): return Self.binary(try Self.base64(body, value))
        default: return Self.plain(value)
        }
    }

    private static func plain(_ value: LocatedText) -> Key {
        let length = value.bytes.count { $0 & 0xc0 != 0x80 }
        let isShort = length < Self.passphraseLength
        return Key(
            bytes: SecretBytes(copying: value.bytes),
            weakness: isShort ? "\(counted(length, "character")); use \(Self.passphraseLength) or more" : nil)
    }

    private static func binary(_ bytes: SecretBytes) -> Key {
        let isShort = bytes.count < Self.binaryLength
        return Key(
            bytes: bytes,
            weakness: isShort ? "\(counted(bytes.count, "byte")); use \(Self.binaryLength) or more" : nil)
    }

    private static func hexadecimal(
        _ digits: ArraySlice<UInt8>, _ value: LocatedText
    ) throws(ValueFault) -> SecretBytes {
        let isValid = !digits.isEmpty && digits.count.isMultiple(of: 2) && digits.allSatisfy(\.isHexDigit)
        guard isValid else {
            throw ValueFault(
                value,
                "0x takes an even number of hexadecimal digits and nothing else; quotes do not change that")
        }
        return SecretBytes(count: digits.count / 2) { span in
            for (index, digit) in digits.enumerated() {
                span[index / 2] = span[index / 2] << 4 | (digit.hexValue ?? 0)
            }
        }
    }

    private static func base64(
        _ text: ArraySlice<UInt8>, _ value: LocatedText
    ) throws(ValueFault) -> SecretBytes {
        let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
        let digits = text.dropLast(padding)
        let isValid =
            !digits.isEmpty && text.count.isMultiple(of: 4) && digits.allSatisfy { $0.base64Value != nil }
        guard isValid else { throw ValueFault(value, "0s takes Base64 with its padding and nothing else") }
        return SecretBytes(count: text.count / 4 * 3 - padding) { span in
            var bits: UInt32 = 0
            var filled = 0
            var index = 0
            for digit in digits {
                bits = bits << 6 | UInt32(digit.base64Value ?? 0)
                filled += 6
                guard filled >= 8, index < span.count else { continue }
                filled -= 8
                span[index] = UInt8(truncatingIfNeeded: bits >> UInt32(filled))
                index += 1
            }
        }
    }
}

extension UInt8 {
    /// The value of a Base64 digit (RFC 4648 §4).
    fileprivate var base64Value: UInt8? {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): return self - 0x41
        case UInt8(ascii: "a")...UInt8(ascii: "z"): return self - 0x61 + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return self - 0x30 + 52
        case UInt8(ascii: "+"): return 62
        case UInt8(ascii: "/"): return 63
        default: return nil
        }
    }
}
