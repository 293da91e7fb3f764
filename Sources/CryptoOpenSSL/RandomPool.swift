internal import COpenSSL
internal import IPsecModel

/// Random bytes in stock, for IVs: drawing 16 at a time would cost as much as half a packet.
///
/// What is in stock is as good as what the library gives: nobody outside sees it before it is used, and it is used once.
struct RandomPool: ~Copyable {
    /// 16 IVs of CBC, which cost 35 ns each then; a larger stock would gain 15 ns of 2,000.
    private static let size = 256

    private var stock = [UInt8](repeating: 0, count: Self.size)
    private var used = Self.size

    /// Moves fresh bytes to the bytes `range` of `memory`, which are no more than `size`.
    mutating func write(to range: Range<Int>, of memory: inout MutableSpan<UInt8>) throws(CryptoFault) {
        guard range.count <= Self.size else {
            throw .wrongLength(what: "IV", need: Self.size, have: range.count)
        }
        if range.count > Self.size - self.used { try self.fill() }
        memory.copy(self.used..<(self.used + range.count), of: self.stock.span, to: range.lowerBound)
        self.used += range.count
    }

    private mutating func fill() throws(CryptoFault) {
        // SAFETY: the call writes `count` bytes of the array that we lend.
        let result = unsafe self.stock.withUnsafeMutableBufferPointer { pointer in
            unsafe RAND_bytes(pointer.baseAddress, Int32(truncatingIfNeeded: pointer.count))
        }
        guard result == 1 else { throw .library("RAND_bytes") }
        self.used = 0
    }
}
