internal import IPsecModel

/// Changes to the header of an IPv4 packet (RFC 791 §3.1).
enum IPv4Header {
    /// Writes the checksum of the header `range`.
    static func storeChecksum(_ memory: inout MutableSpan<UInt8>, _ range: Range<Int>) {
        memory.store(UInt16(0), at: range.lowerBound + 10)
        let sum = InternetChecksum.sum(memory.span, range)
        memory.store(~InternetChecksum.fold(sum), at: range.lowerBound + 10)
    }
}
