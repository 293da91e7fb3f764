internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Netlink

/// What all protocols of netlink have in common: bytes by hand from linux/netlink.h, for a little-endian machine.
/// Messages that a kernel has sent are read in XFRMTests and RoutingTests.
@Suite struct MessageTests {
    /// Messages of a protocol that nobody speaks.
    private enum Kind: UInt16, NetlinkMessageType {
        case make = 0x10
        case list = 0x12

        var name: String { "\(self)" }

        func sentence(_ errno: Int32) -> String? { errno == Errno.exists ? "it is there" : nil }
    }

    private func fromHex(_ text: String) throws -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }
        return try stride(from: 0, to: digits.count, by: 2).map { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return try #require(UInt8(digits[start...].prefix(2), radix: 16))
        }
    }

    @Test(arguments: [
        // nla_len 0, 3, and 8 with 4 bytes there.
        "0000 0100", "0300 0100", "0800 0100",
        // A good one, then one of length 0; a header cut short.
        "0500 0100 ff000000 0000 0200", "0400 0100 04",
    ])
    func `an attribute whose length is wrong is a fault and not an endless loop`(text: String) throws {
        let bytes = try self.fromHex(text)
        #expect(throws: MalformedMessage.self) { try NetlinkAttributes(bytes[...]) }
    }

    @Test func `an attribute may be empty, unpadded at the end, flagged as nested, and repeated`() throws {
        let bytes = try self.fromHex("0400 0f00" + "0500 0a80 01000000" + "0500 0a00 02")
        let attributes = try NetlinkAttributes(bytes[...])
        #expect(attributes[number: 15]?.isEmpty == true)
        #expect(attributes[number: 10].map { Array($0) } == [2])
        #expect(attributes[number: 5] == nil)
    }

    @Test func `the kernel's words are kept to printable ASCII`() throws {
        // error −22, request header (length 16), then NLMSGERR_ATTR_MSG "a\nb\x1b" and a zero; flags CAPPED | ACK_TLVS.
        let text = "eaffffff" + "10000000 1000 0500 04030201 00000000" + "0900 0100 610a621b 00"
        let payload = try self.fromHex(text)
        let message = NetlinkMessage(
            type: NetlinkMessage.Control.error, isInterrupted: false, isCapped: true,
            hasErrorAttributes: true,
            sequence: 1, portID: 1, payload: payload[...])
        let verdict = try NetlinkVerdict(message)
        #expect(verdict.errno == 22)
        #expect(verdict.text == "ab")
    }

    @Test func `the header has length, type, flags, number and sender`() throws {
        let request = NetlinkRequest(type: Kind.list, flags: .dump)
        request.stamp(sequence: 0x0102_0304, portID: 0x0506_0708)
        // len 16, type 0x12, NLM_F_REQUEST 1 | NLM_F_DUMP 0x300
        #expect(hexadecimal(request.bytes) == "10000000" + "1200" + "0103" + "04030201" + "08070605")
        let acknowledged = NetlinkRequest(type: Kind.make)
        // NLM_F_REQUEST 1 | NLM_F_ACK 4
        #expect(hexadecimal(acknowledged.bytes.prefix(8)) == "10000000" + "1000" + "0500")
    }

    @Test func `an attribute's length counts its header and not the padding behind it`() {
        let request = NetlinkRequest(type: Kind.make)
        request.attribute(number: 9) { $0.append(bytes: [1, 2, 3]) }
        request.attribute(number: 10) { outer in
            outer.attribute(number: 1) { $0.append(native: UInt32(5)) }
        }
        // nlmsg_len 36; nla_len 7, nla_type 9; nla_len 12, nla_type 10, and in it nla_len 8, nla_type 1.
        #expect(hexadecimal(request.bytes.prefix(4)) == "24000000")
        #expect(
            hexadecimal(request.bytes.dropFirst(16)) == "07000900" + "01020300" + "0c000a00" + "08000100"
                + "05000000")
    }

    @Test(arguments: [
        (Int32(17), "", "it is there"), (17, "words", "it is there (the kernel says: words)"),
        (22, "words", "words"), (22, "", "Invalid argument"),
    ])
    func `a refusal is explained by us, by the kernel, or by the C library`(
        errno: Int32, words: String, text: String
    ) throws {
        var payload: [UInt8] = []
        payload.appendNative(UInt32(bitPattern: -errno))
        payload += [16, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
        if !words.isEmpty {
            payload.appendNative(UInt16(4 + words.utf8.count))
            payload += [1, 0] + words.utf8
        }
        let message = NetlinkMessage(
            type: NetlinkMessage.Control.error, isInterrupted: false, isCapped: true,
            hasErrorAttributes: !words.isEmpty, sequence: 1, portID: 1, payload: payload[...])
        let fault = KernelFault(try NetlinkVerdict(message), Kind.make, "object")
        #expect(
            fault == KernelFault(operation: "make", object: "object", errno: errno, text: text), "\(fault)")
    }

    @Test func `a protocol that no kernel has is a fault with the protocol's own sentence`() throws {
        let netlink = NetlinkProtocol(number: 31) { errno in
            errno == Errno.protocolNotSupported ? "no such protocol" : nil
        }
        let fault = #expect(throws: KernelFault.self) { try NetlinkSocket(netlink) }
        #expect(
            fault?.operation == "socket" && fault?.text == "no such protocol", "\(String(describing: fault))")
    }
}
