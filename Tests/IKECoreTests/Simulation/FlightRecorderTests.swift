import Foundation
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// What a failed test leaves for Wireshark, checked against what the scripted peer computed by itself.
@Suite struct FlightRecorderTests {
    /// A connection with a ping under a recorder, and the files that this writes.
    private func record() throws -> (bench: Bench, files: [String: Data]) {
        let recorder = FlightRecorder()
        return try FlightRecorder.$current.withValue(recorder) {
            let bench = Bench()
            try bench.connect()
            #expect(try bench.pings())
            let directory = FileManager.default.temporaryDirectory
                .appendingPathComponent("simnet-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: directory) }
            try recorder.write(to: directory)
            var files: [String: Data] = [:]
            for name in try FileManager.default.contentsOfDirectory(atPath: directory.path) {
                files[name] = try Data(contentsOf: directory.appendingPathComponent(name))
            }
            return (bench, files)
        }
    }

    private func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    @Test func `the keys of an IKE_SA are written as Wireshark reads them`() throws {
        let (bench, files) = try self.record()
        let ikeSA = try #require(bench.peer.ikeSA)
        let table = String(decoding: try #require(files["ikev2_decryption_table"]), as: UTF8.self)
        let fields = [
            self.hex(ikeSA.spiI.bytes), self.hex(ikeSA.spiR.bytes), self.hex(ikeSA.keys.skEi),
            self.hex(ikeSA.keys.skEr), "\"AES-GCM-128 with 16 octet ICV [RFC5282]\"", "", "",
            "\"NONE [RFC4306]\"",
        ]
        #expect(table == fields.joined(separator: ",") + "\n")
    }

    @Test func `the keys of a CHILD_SA are written for both ways`() throws {
        let (bench, files) = try self.record()
        let child = try #require(bench.peer.children.first)
        let table = String(decoding: try #require(files["esp_sa"]), as: UTF8.self)
        for (destination, spi, keys) in [
            (Addresses.gateway, child.outboundSPI, child.outboundKeys),
            (Addresses.peer, child.inboundSPI, child.inboundKeys),
        ] {
            let key = self.hex(keys.encryption.publicBytes)
            let line =
                "\"IPv4\",\"*\",\"\(destination)\",\"0x\(self.hex(spi.bytes))\","
                + "\"AES-GCM with 16 octet ICV [RFC4106]\",\"0x\(key)\",\"NULL\",\"\"\n"
            #expect(table.contains(line))
        }
        #expect(table.split(separator: "\n").count == 2)
    }

    @Test func `the capture has each packet, with its addresses and ports`() throws {
        let (bench, files) = try self.record()
        let capture = [UInt8](try #require(files["packets.pcap"]))
        // Magic number of nanosecond captures, and LINKTYPE_RAW (draft-ietf-opsawg-pcap §4).
        #expect(Array(capture.prefix(4)) == [0x4d, 0x3c, 0xb2, 0xa1])
        #expect(Array(capture[20..<24]) == [101, 0, 0, 0])
        var offset = 24
        for sent in bench.net.sent.map(\.datagram) {
            let length = sent.packetLength
            let lengths = capture[(offset + 8)..<(offset + 16)]
            #expect(lengths.elementsEqual(self.little(UInt32(length)) + self.little(UInt32(length))))
            let packet = capture[(offset + 16)..<(offset + 16 + length)]
            #expect(packet.dropFirst(12).prefix(4).elementsEqual(sent.source.address.bytes))
            #expect(packet.dropFirst(16).prefix(4).elementsEqual(sent.destination.address.bytes))
            #expect(packet.suffix(sent.bytes.count).elementsEqual(sent.bytes))
            offset += 16 + length
        }
        #expect(offset == capture.count)
    }

    private func little(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}
