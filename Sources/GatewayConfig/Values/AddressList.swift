internal import IPsecModel

/// Readers of `local_addrs` and `remote_addrs`.
enum AddressList {
    /// One item: `%any`, `%any4`, `%any6`, an address, a block, a range or a DNS name.
    static func pattern(_ item: LocatedText) throws(ValueFault) -> AddressPattern {
        if item.string == "%any" { return .any }
        if let range = try AddressList.range(item) { return .range(range) }
        let name = item.string
        guard Self.isDNSName(name) else {
            throw ValueFault(item, "\(item.quoted) is no address, block, range or name")
        }
        return .name(name)
    }

    /// True if it is a DNS name.
    static func isName(_ item: LocatedText) -> Bool {
        do throws(ValueFault) {
            if case .name = try self.pattern(item) { return true }
            return false
        } catch {
            return false
        }
    }

    /// An address, a block or a range; nil if it is meant to be something else.
    static func range(_ item: LocatedText) throws(ValueFault) -> AddressRange? {
        let text = ["%any4": "0.0.0.0/0", "%any6": "::/0"][item.string] ?? item.string
        if let prefix = IPPrefix(text) { return AddressRange(prefix) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = IPAddress(String(ends[0])), let last = IPAddress(String(ends[1]))
        else { return nil }
        guard let range = AddressRange(first, last) else {
            throw ValueFault(item, "\(item.quoted) is an empty range")
        }
        return range
    }

    /// Host bits of a block, which have no effect: `10.1.0.5/24` is 10.1.0.0/24.
    static func blockMeant(by item: LocatedText) -> IPPrefix? {
        let text = item.string
        guard text.contains("/"), let prefix = IPPrefix(text) else { return nil }
        let written = text.split(separator: "/").first.flatMap { IPAddress(String($0)) }
        return written == prefix.address ? nil : prefix
    }

    /// Letters, digits, hyphens and dots, the last label not a number: `10.1.2.300` is no name.
    private static func isDNSName(_ name: String) -> Bool {
        guard name.utf8.count <= 253 else { return false }
        var labels = name.split(separator: ".", omittingEmptySubsequences: false)
        if labels.last == "" { labels.removeLast() }
        guard let last = labels.last, !last.utf8.allSatisfy(\.isDigit) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy { $0.isDigit || $0.isLetter || $0 == UInt8(ascii: "-") }
                && !label.hasPrefix("-") && !label.hasSuffix("-")
        }
    }
}

extension UInt8 {
    /// True for the ASCII letters.
    var isLetter: Bool { (0x61...0x7a).contains(self | 0x20) }
}
