internal import ControlProtocol
internal import Testing

struct LineBufferTests {
    @Test(arguments: 1...8)
    func `lines come out the same however the stream is cut`(size: Int) throws {
        let stream = Array("one\n\nthree\nfo".utf8)
        var buffer = LineBuffer(limit: 5)
        var lines: [[UInt8]] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            lines += try buffer.append(stream[start..<min(start + size, stream.count)])
        }
        #expect(lines == ["one", "", "three"].map { Array($0.utf8) })
        #expect(buffer.hasPartialLine)
    }

    @Test func `a line of the allowed length passes, and one byte more does not`() throws {
        var buffer = LineBuffer(limit: 4)
        #expect(try buffer.append(Array("four\n".utf8)) == [Array("four".utf8)])
        #expect(throws: LineBuffer.TooLong.self) { try buffer.append(Array("fives\n".utf8)) }
    }

    @Test func `a line without end is refused once it is too long`() throws {
        var buffer = LineBuffer(limit: 4)
        #expect(try buffer.append(Array("ab".utf8)).isEmpty)
        #expect(try buffer.append(Array("cd".utf8)).isEmpty)
        #expect(throws: LineBuffer.TooLong.self) { try buffer.append(Array("e".utf8)) }
    }

    @Test func `nothing is left over after the last newline`() throws {
        var buffer = LineBuffer(limit: 4)
        #expect(try buffer.append(Array("ab\n".utf8)).count == 1)
        #expect(!buffer.hasPartialLine)
    }
}
