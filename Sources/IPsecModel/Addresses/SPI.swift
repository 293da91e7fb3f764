/// Names one end's half of an IKE_SA (RFC 7296 §3.1); zero means "not chosen yet".
package struct IKESPI: Hashable, Sendable, CustomStringConvertible {
    /// The SPI as a number; the first octet on the wire is the most significant.
    package let number: UInt64

    /// The SPI with the number `number`.
    package init(_ number: UInt64) {
        self.number = number
    }

    /// The responder's SPI in the first message of an IKE_SA.
    package static let zero = IKESPI(0)

    /// 8 bytes in network order.
    package var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: self.number >> (56 - 8 * UInt64($0))) }
    }

    /// 16 hexadecimal digits.
    package var description: String { hexadecimal(self.bytes) }
}

/// Names one direction of a CHILD_SA, chosen by its receiver (RFC 4301 §4.1).
package struct ESPSPI: Hashable, Sendable, CustomStringConvertible {
    /// The SPI as a number; the first octet on the wire is the most significant.
    package let number: UInt32

    /// The SPI with the number `number`.
    package init(_ number: UInt32) {
        self.number = number
    }

    /// 4 bytes in network order.
    package var bytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: self.number >> (24 - 8 * UInt32($0))) }
    }

    /// 8 hexadecimal digits.
    package var description: String { hexadecimal(self.bytes) }
}

/// Two lower-case digits for each byte.
package func hexadecimal(_ bytes: some Collection<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 0xf)])
    }
    return String(decoding: text, as: UTF8.self)
}
