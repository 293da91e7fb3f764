internal import IPsecModel
internal import LinuxIO
internal import Netlink
internal import Testing

@testable internal import XFRM

/// What iproute2 cannot say: bytes by hand from linux/xfrm.h, for a little-endian machine.
@Suite struct ResumptionTests {
    private func attributes(_ state: KernelState) throws -> NetlinkAttributes {
        let payload = try state.request(.newSA).payload
        return try NetlinkAttributes(payload[StateSnapshot.length...])
    }

    private func hex(_ bytes: ArraySlice<UInt8>?) -> String? { bytes.map { hexadecimal($0) } }

    @Test func `a short replay state and the counters are handed over`() throws {
        var state = KernelState(outboundOf: try child(), on: try route())
        var replay = ReplayState(window: 0)
        replay.outbound = 0x1122_3344
        var counters = LifetimeCounters(addedAt: 0x6000_0000)
        counters.bytes = 5
        counters.packets = 6
        counters.firstUsedAt = 7
        state.resumption = KernelState.Resumption(replay: replay, counters: counters)
        let attributes = try self.attributes(state)
        // struct xfrm_replay_state: oseq, seq, bitmap.
        #expect(self.hex(attributes[.replay]) == "44332211" + "00000000" + "00000000")
        // struct xfrm_lifetime_cur: bytes, packets, add_time, use_time, 64 bits each.
        #expect(
            self.hex(attributes[.lifetimeCounters]) == "0500000000000000" + "0600000000000000"
                + "0000006000000000" + "0700000000000000")
        #expect(attributes[.replayBitmap] == nil)
    }

    @Test func `a long replay state is handed over with its bitmap`() throws {
        var state = KernelState(
            inboundOf: try child(numbers: .extended, window: 64), on: try route(reversed: true))
        var replay = ReplayState(window: 64)
        replay.outbound = 0x0000_0001_0000_0002
        replay.inbound = 0x0000_0003_0000_0004
        replay.bitmap = [0xaabb_ccdd, 0x0000_00ff]
        state.resumption = KernelState.Resumption(replay: replay, counters: LifetimeCounters(addedAt: 1))
        let attributes = try self.attributes(state)
        // struct xfrm_replay_state_esn: bmp_len, oseq, seq, oseq_hi, seq_hi, replay_window, bmp.
        #expect(
            self.hex(attributes[.replayBitmap]) == "02000000" + "02000000" + "04000000" + "01000000"
                + "03000000" + "40000000" + "ddccbbaa" + "ff000000")
        #expect(attributes[.replay] == nil)
    }

    @Test func `a bitmap of another size is left out rather than refused by the kernel`() throws {
        var state = KernelState(inboundOf: try child(window: 128), on: try route(reversed: true))
        var replay = ReplayState(window: 64)
        replay.bitmap = [1, 2]
        state.resumption = KernelState.Resumption(replay: replay, counters: LifetimeCounters(addedAt: 1))
        let attribute = try #require(try self.attributes(state)[.replayBitmap])
        #expect(attribute.count == 24)
        #expect(self.hex(attribute.prefix(4)) == "04000000")
    }

    @Test(arguments: [
        (UInt32(0), SequenceNumbers.short, true, UInt32(0)), (32, .short, true, 32),
        (1_000_000, .short, true, 4_096), (0, .extended, true, 32), (1_024, .short, false, 0),
        (1_024, .extended, false, 1),
    ])
    func `the window is what the kernel can do`(
        wanted: UInt32, numbers: SequenceNumbers, isInbound: Bool, expected: UInt32
    ) throws {
        let child = try child(numbers: numbers, window: wanted)
        let state =
            isInbound
            ? KernelState(inboundOf: child, on: child.path) : KernelState(outboundOf: child, on: child.path)
        #expect(state.effectiveWindow == expected)
    }

    @Test func `headroom never wraps, in either width`() throws {
        let vectors = try VectorFile("kernel-messages")
        let datagram = try #require(try vectors.bytes("get-state").first)
        var snapshot = try StateSnapshot(try #require(try NetlinkMessage.parse(datagram[...]).first).payload)
        snapshot.replay = ReplayState(window: 0)
        snapshot.replay.outbound = 10
        #expect(snapshot.withHeadroom.replay.outbound == 10 + 1_048_576)
        snapshot.replay.outbound = UInt64(UInt32.max) - 5
        #expect(snapshot.withHeadroom.replay.outbound == UInt64(UInt32.max))
        snapshot.replay.window = 1
        #expect(snapshot.withHeadroom.replay.outbound == UInt64(UInt32.max) - 5 + 1_048_576)
        snapshot.replay.outbound = .max - 1
        #expect(snapshot.withHeadroom.replay.outbound == .max)
    }

    @Test func `an algorithm that the kernel engine does not have is named`() throws {
        let child = try child(.tripleDES, bits: 192)
        let fault = #expect(throws: KernelFault.self) {
            try KernelState(outboundOf: child, on: child.path).request(.newSA)
        }
        #expect(fault?.text.contains("does not have") == true)
    }

    @Test func `a key of the wrong length is refused before it reaches the kernel`() throws {
        var child = try child()
        child.outboundKeys = ESPKeys(encryption: key(16), integrity: key(0))
        let fault = #expect(throws: KernelFault.self) {
            try KernelState(outboundOf: child, on: child.path).request(.newSA)
        }
        #expect(fault?.text.contains("16 bytes instead of 20") == true)
    }

    @Test func `any request fits the memory that was set aside for it`() throws {
        var child = try child(
            .aesCBC, bits: 256, integrity: .hmacSHA512, window: 4_096, path: route(inUDP: true))
        child.suite = ESPSuite(
            protection: child.suite.protection, sequenceNumbers: .extended, keyExchange: nil)
        var state = KernelState(inboundOf: child, on: child.path)
        var replay = ReplayState(window: 4_096)
        replay.bitmap = [UInt32](repeating: 1, count: 128)
        state.resumption = KernelState.Resumption(replay: replay, counters: LifetimeCounters(addedAt: 1))
        #expect(try state.request(.newSA).bytes.count < 2_048)
    }
}
