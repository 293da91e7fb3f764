internal import Foundation
internal import IPsecModel
internal import Synchronization

/// Keeps what went over the simulated wires, and writes it for Wireshark when a test fails.
package final class FlightRecorder: Sendable {
    private struct Record {
        var seeds: [UInt64] = []
        var frames: [(at: Instant, datagram: Datagram)] = []
    }

    /// The recorder of the running test; each network tells it what it carries.
    @TaskLocal package static var current: FlightRecorder?

    private let record = Mutex(Record())

    /// Frames that are kept at most.
    private static let limit = 20_000

    /// An empty recorder.
    package init() {}

    func begin(seed: UInt64) {
        self.record.withLock { $0.seeds.append(seed) }
    }

    func add(_ datagram: Datagram, at instant: Instant) {
        self.record.withLock { record in
            guard record.frames.count < Self.limit else { return }
            record.frames.append((instant, datagram))
        }
    }

    /// Writes a capture and says where it is, with the seeds to run the same again; nil without a network.
    package func report() -> String? {
        let (seeds, frames) = self.record.withLock { ($0.seeds, $0.frames) }
        guard !seeds.isEmpty else { return nil }
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("simnet-\(UUID().uuidString).pcap")
        let capture = PacketCapture.file(frames)
        let place = (try? Data(capture).write(to: path)) == nil ? "(capture not written)" : path.path
        return "SimNet seeds \(seeds), \(frames.count) packets in \(place)"
    }
}

/// The pcap format, with raw IP packets (LINKTYPE_RAW).
enum PacketCapture {
    static func file(_ frames: [(at: Instant, datagram: Datagram)]) -> [UInt8] {
        var bytes = Self.little(0xa1b2_3c4d as UInt32)  // nanosecond timestamps
        bytes += Self.little(2 as UInt16) + Self.little(4 as UInt16)
        bytes += Self.little(0 as UInt32) + Self.little(0 as UInt32)
        bytes += Self.little(65_535 as UInt32) + Self.little(101 as UInt32)
        for frame in frames {
            let packet = Self.packet(frame.datagram)
            let (seconds, rest) = frame.at.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
            bytes += Self.little(UInt32(clamping: seconds)) + Self.little(UInt32(clamping: rest))
            bytes += Self.little(UInt32(packet.count)) + Self.little(UInt32(packet.count)) + packet
        }
        return bytes
    }

    private static func packet(_ datagram: Datagram) -> [UInt8] {
        var payload = datagram.bytes
        if datagram.kind == .udp {
            // No checksum: captures of real interfaces often have none either.
            payload =
                Self.big(datagram.source.port) + Self.big(datagram.destination.port)
                + Self.big(UInt16(clamping: payload.count + 8)) + [0, 0] + payload
        }
        let number: UInt8 = datagram.kind == .udp ? 17 : 50
        let addresses = datagram.source.address.bytes + datagram.destination.address.bytes
        let length = Self.big(UInt16(clamping: payload.count + 20))
        if datagram.source.address.family == .v4 {
            return [0x45, 0] + length + [0, 0, 0, 0, 64, number, 0, 0] + addresses + payload
        }
        return [0x60, 0, 0, 0] + Self.big(UInt16(clamping: payload.count)) + [number, 64] + addresses
            + payload
    }

    private static func big(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }

    private static func little(_ number: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
        stride(from: 0, to: number.bitWidth, by: 8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }
}
