internal import CSecureMemory

/// Key material: wiped when the last reference goes, never printed, lent by closure.
///
/// It has no `description` worth reading, is not `Codable` and not `Equatable` on purpose. A copy of its
/// bytes into an array is a review stop.
@safe package final class SecretBytes: Sendable {
    // SAFETY: allocated in `init`, freed in `deinit`, written only before `init` returns; afterwards it is
    // read-only, so sharing it between threads is safe.
    private nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer

    /// How many bytes there are.
    package var count: Int { unsafe self.memory.count }

    /// Takes a copy of `bytes`; the caller's copy is the caller's to wipe.
    package convenience init(copying bytes: some Collection<UInt8>) {
        self.init(count: bytes.count) { span in
            // At once where they lie side by side: for other modules this is not specialised, and each byte would cost some calls.
            let copied: Void? = bytes.withContiguousStorageIfAvailable { source in
                // SAFETY: both are lent for the call, and no more is written than there is of either.
                unsafe span.withUnsafeMutableBytes { target in
                    let count = min(target.count, source.count)
                    unsafe target.copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(source)[..<count]))
                }
            }
            guard copied == nil else { return }
            var index = 0
            for byte in bytes where index < span.count {
                span[index] = byte
                index += 1
            }
        }
    }

    /// `count` bytes that `fill` writes; they are zero before.
    package init<Failure: Error>(
        count: Int, fill: (inout MutableSpan<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        // SAFETY: the region is ours alone until this initialiser returns; the span does not outlive `fill`.
        unsafe self.memory = .allocate(byteCount: max(count, 0), alignment: 16)
        unsafe self.memory.initializeMemory(as: UInt8.self, repeating: 0)
        let typed = unsafe self.memory.bindMemory(to: UInt8.self)
        var span = unsafe typed.mutableSpan
        try fill(&span)
    }

    deinit {
        // SAFETY: the last reference is gone, so nobody reads the region any more.
        unsafe csm_wipe(self.memory.baseAddress, self.memory.count)
        unsafe self.memory.deallocate()
    }

    /// Lends the bytes to `body`, which must not keep a copy.
    package func withBytes<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // SAFETY: `self` keeps the region alive for the whole call, and nothing writes to it after `init`.
        let typed = unsafe self.memory.bindMemory(to: UInt8.self)
        let span = unsafe typed.span
        return try body(span)
    }

    /// The part `range` of the bytes as a secret of its own, or nil if it does not lie within them.
    package func part(_ range: Range<Int>) -> SecretBytes? {
        guard range.lowerBound >= 0, range.upperBound <= self.count else { return nil }
        return SecretBytes(count: range.count) { target in
            self.withBytes { source in
                for index in 0..<range.count { target[index] = source[range.lowerBound + index] }
            }
        }
    }

    /// The bytes of `secrets`, one after the other.
    package static func joined(_ secrets: [SecretBytes]) -> SecretBytes {
        SecretBytes(count: secrets.reduce(0) { $0 + $1.count }) { target in
            var offset = 0
            for secret in secrets {
                secret.withBytes { source in
                    for index in 0..<source.count { target[offset + index] = source[index] }
                }
                offset += secret.count
            }
        }
    }

    /// True if `other` holds the same bytes; the time tells nothing but the lengths.
    package func isEqual(to other: SecretBytes) -> Bool {
        // SAFETY: both regions live as long as their owners, which this call holds; the counts are equal.
        guard self.count == other.count else { return false }
        return unsafe csm_equal(self.memory.baseAddress, other.memory.baseAddress, self.count) == 1
    }

    /// True if these are `bytes`; the time tells nothing but the lengths.
    package func isEqual(to bytes: some Collection<UInt8>) -> Bool {
        self.isEqual(to: SecretBytes(copying: bytes))
    }

    /// True if each byte is zero; the time tells nothing but the length.
    package var isAllZero: Bool {
        self.withBytes { bytes in
            var union: UInt8 = 0
            for index in 0..<bytes.count { union |= bytes[index] }
            return union == 0
        }
    }
}

/// True if both hold the same bytes; the time tells nothing but the lengths.
///
/// For ICVs, AUTH values and cookies, which must not be compared with `==`.
package func equalInConstantTime(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (a, b) in zip(left, right) { difference |= a ^ b }
    return difference == 0
}

/// True if both hold the same bytes; the time tells nothing but the lengths. For ICVs in packets.
package func equalInConstantTime(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    // SAFETY: both spans are lent for the call, which reads `count` bytes of each.
    return unsafe left.withUnsafeBufferPointer { left in
        unsafe right.withUnsafeBufferPointer { right in
            unsafe csm_equal(left.baseAddress, right.baseAddress, left.count) == 1
        }
    }
}

extension SecretBytes {
    /// The bytes themselves, for values that were computed like a secret but go out on the wire: AUTH data,
    /// cookies. Never for keys.
    package var publicBytes: [UInt8] {
        self.withBytes { span in
            var copy: [UInt8] = []
            copy.reserveCapacity(span.count)
            for index in 0..<span.count { copy.append(span[index]) }
            return copy
        }
    }
}
