import Testing

@testable import IKEWire

@Suite struct WireReaderTests {
    @Test func `numbers are in network order`() throws {
        var reader = WireReader(octets("01 0203 04050607 08090a0b0c0d0e0f")[...])
        #expect(try reader.integer("a", as: UInt8.self) == 0x01)
        #expect(try reader.integer("b", as: UInt16.self) == 0x0203)
        #expect(try reader.integer("c", as: UInt32.self) == 0x0405_0607)
        #expect(try reader.integer("d", as: UInt64.self) == 0x0809_0a0b_0c0d_0e0f)
        #expect(reader.isAtEnd)
    }

    @Test func `a reader of a part cannot leave the part`() throws {
        var outer = WireReader(octets("0102030405060708")[...])
        var inner = try outer.sub(3, "inner")
        #expect(try inner.bytes(3, "all") == [1, 2, 3])
        #expect(throws: WireFault.truncated(field: "more", need: 1, have: 0)) { try inner.bytes(1, "more") }
        #expect(try outer.bytes(5, "rest") == [4, 5, 6, 7, 8])
    }

    @Test func `a part that is longer than its container is refused`() {
        var outer = WireReader(octets("010203")[...])
        #expect(throws: WireFault.truncated(field: "inner", need: 4, have: 3)) {
            _ = try outer.sub(4, "inner")
        }
        #expect(outer.count == 3)
    }

    @Test(arguments: [-1, Int.min, Int.max])
    func `a count that no buffer has is refused`(count: Int) {
        var reader = WireReader(octets("010203")[...])
        #expect(throws: WireFault.truncated(field: "x", need: count, have: 3)) {
            try reader.bytes(count, "x")
        }
    }

    @Test(arguments: 0...3 as ClosedRange<UInt16>)
    func `a length below its own header is refused`(length: UInt16) {
        var reader = WireReader(octets("010203")[...])
        #expect(throws: WireFault.badValue(field: "x length", value: UInt64(length))) {
            _ = try reader.sub(length: length, headerLength: 4, "x")
        }
    }

    @Test func `octets left over are a fault`() throws {
        var reader = WireReader(octets("010203")[...])
        try reader.skip(1, "x")
        #expect(throws: WireFault.trailing(field: "x", count: 2)) { try reader.finish("x") }
    }

    @Test func `a slice that does not begin at zero is read from its own beginning`() throws {
        var reader = WireReader(octets("0102030405")[2...])
        #expect(try reader.integer("x", as: UInt16.self) == 0x0304)
        #expect(reader.rest() == [5])
        #expect(reader.isAtEnd)
    }

    @Test func `a length that its field cannot hold is refused when writing`() {
        var writer = WireWriter()
        #expect(throws: WireFault.tooLong(field: "x", limit: 65_535, have: 65_536)) {
            try writer.lengthPrefixed("x", headerLength: 4) { (writer) throws(WireFault) in
                writer.reserved(65_532)
            }
        }
    }

    @Test func `nested lengths count what is inside and their own header`() throws {
        var writer = WireWriter()
        try writer.lengthPrefixed("outer", headerLength: 4) { (writer) throws(WireFault) in
            writer.integer(0xaa as UInt8)
            try writer.lengthPrefixed("inner", headerLength: 0) { (writer) throws(WireFault) in
                writer.integer(0xbbcc as UInt16)
            }
        }
        #expect(writer.octets == octets("0009 aa 0002 bbcc"))
    }
}
