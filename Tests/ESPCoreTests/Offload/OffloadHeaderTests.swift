import ESPCore
import IPsecModel
import Testing

/// `struct virtio_net_hdr` by the letter of virtio 1.2 §5.1.6: flags, gso_type, hdr_len, gso_size, csum_start,
/// csum_offset; its numbers are in the machine's order, which is little-endian on all machines that this runs on.
@Suite struct OffloadHeaderTests {
    private func written(_ header: OffloadHeader) -> [UInt8] {
        var bytes = [UInt8](repeating: 0xee, count: 14)
        var memory = bytes.mutableSpan
        header.write(to: &memory, at: 2)
        #expect(bytes.prefix(2) == [0xee, 0xee])
        #expect(bytes.suffix(2) == [0xee, 0xee])
        return Array(bytes[2..<12])
    }

    @Test func `a plain packet has a header of zeros`() throws {
        let zeros = [UInt8](repeating: 0, count: 10)
        #expect(self.written(OffloadHeader()) == zeros)
        #expect(OffloadHeader(zeros.span, at: 0) == OffloadHeader())
        #expect(OffloadHeader.length == 10)
    }

    struct Vector: Sendable {
        let bytes: [UInt8]
        let header: OffloadHeader

        init(_ bytes: [UInt8], _ change: (inout OffloadHeader) -> Void) {
            var header = OffloadHeader()
            change(&header)
            self.bytes = bytes
            self.header = header
        }
    }

    @Test(arguments: [
        // VIRTIO_NET_HDR_GSO_TCPV4 1, TCPV6 4, UDP_L4 5; VIRTIO_NET_HDR_F_NEEDS_CSUM 1.
        Vector([1, 1, 54, 0, 0x78, 0x05, 20, 0, 16, 0]) {
            $0.segmentation = .tcp4
            $0.headerLength = 54
            $0.segmentSize = 1_400
            $0.checksumStart = 20
            $0.checksumOffset = 16
        },
        Vector([1, 4, 60, 0, 0x64, 0x05, 40, 0, 16, 0]) {
            $0.segmentation = .tcp6
            $0.headerLength = 60
            $0.segmentSize = 1_380
            $0.checksumStart = 40
            $0.checksumOffset = 16
        },
        Vector([1, 5, 28, 0, 0, 1, 20, 0, 6, 0]) {
            $0.segmentation = .udp
            $0.headerLength = 28
            $0.segmentSize = 256
            $0.checksumStart = 20
            $0.checksumOffset = 6
        },
        Vector([1, 0, 0, 0, 0, 0, 0x28, 0x01, 6, 0]) {
            $0.checksumStart = 0x128
            $0.checksumOffset = 6
        },
        // VIRTIO_NET_HDR_GSO_UDP, the fragments of UFO.
        Vector([0, 3, 0, 0, 0, 0, 0, 0, 0, 0]) { $0.segmentation = .unknown(3) },
        Vector([0, 0x21, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff, 0xff]) {
            $0.segmentation = .unknown(0x21)
            $0.headerLength = 0xffff
            $0.segmentSize = 0xffff
            $0.checksumOffset = 0xffff
        },
    ])
    func `each field lies where virtio says`(_ vector: Vector) throws {
        #expect(self.written(vector.header) == vector.bytes)
        let shifted = [9] + vector.bytes
        #expect(OffloadHeader(shifted.span, at: 1) == vector.header)
    }

    @Test func `the bit for ECN changes no type, and other flags than NEEDS_CSUM none`() throws {
        for type in [1, 4, 5] as [UInt8] {
            let plain = [1, type, 40, 0, 9, 0, 20, 0, 16, 0]
            let marked = [1, type | 0x80, 40, 0, 9, 0, 20, 0, 16, 0]
            #expect(OffloadHeader(marked.span, at: 0) == OffloadHeader(plain.span, at: 0))
        }
        // VIRTIO_NET_HDR_F_DATA_VALID: there is nothing to complete.
        let valid: [UInt8] = [2, 0, 0, 0, 0, 0, 20, 0, 16, 0]
        #expect(OffloadHeader(valid.span, at: 0)?.checksumStart == nil)
    }

    @Test func `without room there is none`() {
        let bytes = [UInt8](repeating: 0, count: 12)
        for offset in [-1, 3, 12, 13, Int.min, Int.max] {
            #expect(OffloadHeader(bytes.span, at: offset) == nil)
        }
        #expect(OffloadHeader(bytes.span, at: 2) != nil)
    }
}
