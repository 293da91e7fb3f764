import Testing

@testable import IKECore

/// A value that is mostly nil.
@Suite struct BoxedTests {
    private struct Holder {
        @Boxed var numbers: [Int]?
    }

    @Test func `it is nil at first, and what it was given afterwards`() {
        var holder = Holder()
        #expect(holder.numbers == nil)
        holder.numbers = [1]
        holder.numbers?.append(2)
        #expect(holder.numbers == [1, 2])
        holder.numbers = nil
        #expect(holder.numbers == nil)
        #expect(MemoryLayout<Holder>.size == MemoryLayout<Int>.size)
    }

    @Test func `a copy is another value`() {
        var holder = Holder()
        holder.numbers = [1]
        var copy = holder
        copy.numbers?.append(2)
        #expect(holder.numbers == [1])
        #expect(copy.numbers == [1, 2])
    }
}
