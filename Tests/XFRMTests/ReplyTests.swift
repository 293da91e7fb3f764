internal import IPsecModel
internal import LinuxIO
internal import Testing

@testable internal import Netlink
@testable internal import XFRM

/// What the kernel answers, and what it never should.
@Suite struct ReplyTests {
    let kernel: VectorFile
    let errors: VectorFile

    /// The number that the recorder put into its requests.
    static let sequence: UInt32 = 0x0102_0304

    init() throws {
        self.kernel = try VectorFile("kernel-messages")
        self.errors = try VectorFile("kernel-errors")
    }

    private func question(of datagram: [UInt8]) throws -> NetlinkQuestion {
        let first = try #require(try NetlinkMessage.parse(datagram[...]).first)
        return NetlinkQuestion(sequence: Self.sequence, portID: first.portID)
    }

    @Test func `a state is read as the kernel wrote it, and the acknowledgement ends the answer`() throws {
        let datagrams = try self.kernel.bytes("get-state")
        try #require(datagrams.count == 2)
        let question = try self.question(of: datagrams[0])
        var states: [StateSnapshot] = []
        let first = try question.progress(in: datagrams[0][...]) { message throws(MalformedMessage) in
            states.append(try StateSnapshot(message.payload))
        }
        #expect(first == .unfinished)
        #expect(try question.progress(in: datagrams[1][...]) { _ in } == .finished)
        let state = try #require(states.first)
        #expect(
            state.identifier == SAIdentifier(spi: ESPSPI(0xc000_0001), destination: try address("10.9.0.2")))
        #expect(state.source == (try address("10.9.0.1")))
        #expect(state.reqid == 0x4356_0002)
        // Four pings of 84 bytes had gone out.
        let statistics = state.statistics(ofInbound: false)
        #expect(statistics.bytes == 336 && statistics.packets == 4 && statistics.sequenceNumber == 4)
        #expect(statistics.badICV == 0 && statistics.late == 0 && statistics.replayed == 0)
    }

    @Test func `an error has its errno, and the words of the kernel where there are any`() throws {
        let nothing = try #require(try self.kernel.bytes("get-nothing").first)
        let refusal = try self.question(of: nothing).progress(in: nothing[...]) { _ in }
        guard case .refused(let verdict) = refusal else {
            Issue.record("not refused: \(refusal)")
            return
        }
        #expect(verdict.errno == Errno.noProcess && verdict.text.isEmpty)
    }

    @Test(arguments: ["refused", "refused-capped"])
    func `an explained error is read with and without our request in it`(name: String) throws {
        let datagram = try #require(try self.errors.bytes(name).first)
        let question = try self.question(of: datagram)
        guard case .refused(let verdict) = try question.progress(in: datagram[...], each: { _ in }) else {
            Issue.record("not refused")
            return
        }
        #expect(verdict.errno == Errno.notImplemented)
        #expect(verdict.text == "Requested AEAD algorithm not found")
        let fault = KernelFault(verdict, XFRMMessageType.newSA, "SA")
        #expect(fault.text.contains("the kernel says: Requested AEAD algorithm not found"))
    }

    @Test func `a list ends with DONE`() throws {
        let datagrams = try self.kernel.bytes("dump-policies")
        let question = try self.question(of: datagrams[0])
        var policies: [KernelPolicy] = []
        for (index, datagram) in datagrams.enumerated() {
            let progress = try question.progress(in: datagram[...]) { message throws(MalformedMessage) in
                if let policy = try KernelPolicy(message.payload) { policies.append(policy) }
            }
            #expect(progress == (index == datagrams.count - 1 ? .finished : .unfinished))
        }
        #expect(policies.map(\.direction) == [.inbound, .outbound])
        #expect(policies.map(\.template.reqid) == [0x4356_0002, 0x4356_0002])
        #expect(
            policies.map { "\($0.selector)" } == ["10.2.0.0/24 to 10.1.0.0/24", "10.1.0.0/24 to 10.2.0.0/24"])
        #expect(policies[1].template.destination == (try address("10.9.0.2")))
    }

    @Test func `a reserved SPI is the kernel's choice`() throws {
        let datagram = try #require(try self.kernel.bytes("allocspi").first)
        let message = try #require(try NetlinkMessage.parse(datagram[...]).first)
        let state = try StateSnapshot(message.payload)
        #expect(state.identifier.spi == ESPSPI(0xc7f6_d049))
    }

    @Test func `a list whose tables changed meanwhile is known to have holes`() throws {
        var datagram = try #require(try self.kernel.bytes("dump-states").first)
        let question = try self.question(of: datagram)
        datagram[6] |= 0x10  // NLM_F_DUMP_INTR
        #expect(try question.progress(in: datagram[...]) { _ in } == .interrupted)
    }

    @Test(arguments: [(ReplyTests.sequence + 1, UInt32(0)), (ReplyTests.sequence, UInt32(1))])
    func `the answer to somebody else's question is passed over`(sequence: UInt32, shift: UInt32) throws {
        let datagram = try #require(try self.kernel.bytes("get-state").last)
        let own = try self.question(of: datagram)
        let other = NetlinkQuestion(sequence: sequence, portID: own.portID + shift)
        #expect(try own.progress(in: datagram[...]) { _ in } == .finished)
        #expect(try other.progress(in: datagram[...]) { _ in } == .unfinished)
    }

    @Test(arguments: [UInt8(0), 15, 255])
    func `a message whose length is wrong is a fault`(length: UInt8) throws {
        var datagram = try #require(try self.kernel.bytes("get-state").last)
        datagram[0] = length
        #expect(throws: MalformedMessage(field: "nlmsg_len")) { try NetlinkMessage.parse(datagram[...]) }
    }

    @Test func `each proper prefix of a message is a fault`() throws {
        for name in ["get-state", "delete", "mapping", "acquire", "expire", "dump-policies"] {
            let datagram = try #require(try self.kernel.bytes(name).first)
            for count in 1..<datagram.count {
                // The recorded dump holds two messages: the first alone is whole.
                let isWhole = datagram[0...].prefix(4) == datagram[count...].prefix(4)
                if name == "dump-policies" && isWhole { continue }
                #expect(throws: MalformedMessage.self, "\(name) \(count)") {
                    try NetlinkMessage.parse(datagram.prefix(count))
                }
            }
        }
    }

    @Test func `a replay bitmap longer than the kernel's own limit is a fault`() throws {
        let header = "81000000" + String(repeating: "00000000", count: 5)
        let bytes = try fromHex(header + String(repeating: "00000000", count: 129))
        #expect(throws: MalformedMessage(field: "bmp_len")) { try ReplayState(long: bytes[...]) }
    }

    @Test(arguments: [
        (Errno.protocolNotSupported, XFRMMessageType.newSA, "esp4"),
        (Errno.notPermitted, .newSA, "CAP_NET_ADMIN"), (Errno.notImplemented, .updateSA, "algorithm"),
        (Errno.exists, .newPolicy, "policy"), (Errno.exists, .newSA, "SPI"),
    ])
    func `a typical error has a sentence that says what to do`(
        errno: Int32, type: XFRMMessageType, word: String
    ) throws {
        // NLMSG_ERROR without anything behind the errno and the request's header.
        var payload: [UInt8] = []
        payload.appendNative(UInt32(bitPattern: -errno))
        payload += [UInt8](repeating: 0, count: 16)
        let message = NetlinkMessage(
            type: NetlinkMessage.Control.error, isInterrupted: false, isCapped: false,
            hasErrorAttributes: false, sequence: 1, portID: 1, payload: payload[...])
        let fault = KernelFault(try NetlinkVerdict(message), type, "object")
        #expect(fault.text.contains(word), "\(fault)")
        #expect(fault.errno == errno && fault.operation == type.name)
    }
}
