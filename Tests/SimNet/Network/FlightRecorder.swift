package import Foundation
internal import IPsecModel
internal import Synchronization

/// Keeps what went over the simulated wires, with the keys, and writes it for Wireshark when a test fails.
package final class FlightRecorder: Sendable {
    private struct Record {
        var seeds: [UInt64] = []
        var frames: [(at: Instant, datagram: Datagram)] = []
        var keys = KeyLog()
    }

    /// The recorder of the running test; each network tells it what it carries.
    @TaskLocal package static var current: FlightRecorder?

    private let record = Mutex(Record())

    /// The newest frames that are kept at least; twice as many at most.
    private static let limit = 20_000

    /// An empty recorder.
    package init() {}

    func begin(seed: UInt64) {
        self.record.withLock { $0.seeds.append(seed) }
    }

    func add(_ datagram: Datagram, at instant: Instant) {
        self.record.withLock { record in
            if record.frames.count >= 2 * Self.limit { record.frames.removeFirst(Self.limit) }
            record.frames.append((instant, datagram))
        }
    }

    /// A message of IKE with this header was sealed or opened with these keys.
    func note(
        header: ArraySlice<UInt8>, _ protection: ProtectionSuite, encryption: SecretBytes,
        integrity: SecretBytes
    ) {
        self.record.withLock {
            $0.keys.note(header: header, protection, encryption: encryption, integrity: integrity)
        }
    }

    /// ESP to `destination` with this SPI has these keys.
    func note(_ spi: ESPSPI, to destination: IPAddress, _ protection: ProtectionSuite, _ keys: ESPKeys) {
        self.record.withLock { $0.keys.note(spi, to: destination, protection, keys) }
    }

    /// Writes a capture and says how to look at it, with the seeds to run the same again; nil without a network.
    package func report() -> String? {
        let seeds = self.record.withLock(\.seeds)
        guard !seeds.isEmpty else { return nil }
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("simnet-\(UUID().uuidString)")
        let place =
            (try? self.write(to: directory)) == nil
            ? "capture not written"
            : "WIRESHARK_CONFIG_DIR=\(directory.path) wireshark \(directory.path)/packets.pcap"
        return "SimNet seeds \(seeds): \(place)"
    }

    /// Writes a directory that Wireshark takes as its configuration: the tables of keys, and beside them the capture.
    package func write(to directory: URL) throws {
        let (frames, keys) = self.record.withLock { ($0.frames, $0.keys) }
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for (name, bytes) in [
            ("packets.pcap", PacketCapture.file(frames)),
            ("ikev2_decryption_table", Array(keys.ikev2DecryptionTable.utf8)),
            ("esp_sa", Array(keys.espSA.utf8)),
            ("preferences", Array("esp.enable_encryption_decode: TRUE\n".utf8)),
        ] {
            try Data(bytes).write(to: directory.appendingPathComponent(name))
        }
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
