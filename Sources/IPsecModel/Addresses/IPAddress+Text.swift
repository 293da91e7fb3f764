extension IPAddress: CustomStringConvertible {
    /// Reads `192.0.2.1`, `2001:db8::1` or `::ffff:192.0.2.1`; nil for anything else, names and zones included.
    package init?(_ text: String) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    package var description: String {
        switch self {
        case .v4(let address): return address.description
        case .v6(let address): return address.description
        }
    }
}

extension IPv4Address: CustomStringConvertible {
    /// Reads dotted decimal with exactly four numbers and no leading zeros.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard part.count <= 3, part.utf8.allSatisfy(\.isDigit), let octet = UInt8(part) else {
                return nil
            }
            guard part.count == 1 || !part.hasPrefix("0") else { return nil }
            bits = bits << 8 | UInt32(octet)
        }
        self.init(bits: bits)
    }

    package var description: String {
        (0..<4).map { String(self.bits >> (24 - 8 * UInt32($0)) & 0xff) }.joined(separator: ".")
    }
}

extension IPv6Address: CustomStringConvertible {
    /// Reads the forms of RFC 4291 §2.2.
    package init?(_ text: String) {
        guard text.utf8.count <= 45 else { return nil }
        let halves = text.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        // Dotted decimal may stand for the low-order 32 bits and nowhere else (RFC 4291 §2.2).
        guard let head = halves.first.flatMap({ Self.groups(of: $0, isEnd: halves.count == 1) }) else {
            return nil
        }
        switch halves.count {
        case 1:
            guard head.count == 8 else { return nil }
            self.init(groups: head)
        case 2:
            guard let tail = Self.groups(of: halves[1], isEnd: true), head.count + tail.count <= 7 else {
                return nil
            }
            self.init(groups: head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
        default: return nil
        }
    }

    private init(groups: [UInt16]) {
        self.init(bits: groups.reduce(0) { $0 << 16 | UInt128($1) })
    }

    private static func groups(of text: Substring, isEnd: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isEnd, index == parts.count - 1, part.contains("."), let v4 = IPv4Address(String(part)) {
                groups += [UInt16(v4.bits >> 16), UInt16(truncatingIfNeeded: v4.bits)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy(\.isHexDigit) else { return nil }
            guard let group = UInt16(part, radix: 16) else { return nil }
            groups.append(group)
        }
        return groups
    }

    /// The recommended form of RFC 5952: lower case, the longest run of two or more zeros shortened, and
    /// dotted decimal in addresses that map IPv4.
    package var description: String {
        if self.bits >> 32 == 0xffff {
            return "::ffff:\(IPv4Address(bits: UInt32(truncatingIfNeeded: self.bits)))"
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: self.bits >> (112 - 16 * UInt128($0))) }
        let run = Self.longestRunOfZeros(in: groups)
        guard run.count >= 2 else { return Self.join(groups[...]) }
        return Self.join(groups[..<run.lowerBound]) + "::" + Self.join(groups[run.upperBound...])
    }

    private static func join(_ groups: ArraySlice<UInt16>) -> String {
        groups.map { String($0, radix: 16) }.joined(separator: ":")
    }

    private static func longestRunOfZeros(in groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in groups.indices {
            guard groups[index] == 0 else {
                start = index + 1
                continue
            }
            if index + 1 - start > best.count { best = start..<(index + 1) }
        }
        return best
    }
}

extension UInt8 {
    /// True for the ASCII digits.
    package var isDigit: Bool { (0x30...0x39).contains(self) }

    /// True for the ASCII digits and the letters a to f in either case.
    package var isHexDigit: Bool {
        self.isDigit || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
    }
}
