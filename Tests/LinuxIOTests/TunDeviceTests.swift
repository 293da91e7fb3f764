internal import Glibc
internal import IPsecModel
internal import Testing

@testable internal import LinuxIO

extension TunDevice {
    /// The next packet with its header, or −errno; waits a second for it.
    func readOne(limit: Int = 70_000) -> (result: Int, bytes: [UInt8]) {
        _ = self.withDescriptor { fd in PacketPoll.wait([fd].span, milliseconds: 1000) }
        var memory = [UInt8](repeating: 0xee, count: limit)
        var span = memory.mutableSpan
        let result = self.read(into: &span, 0..<limit)
        return (result, Array(memory.prefix(max(0, result))))
    }

    /// The next IPv4 packet: its header, and the rest. The kernel sends IPv6 of its own accord.
    func readIPv4() -> (header: [UInt8], packet: [UInt8]) {
        while true {
            let (result, bytes) = self.readOne()
            guard result > 0 else { return ([], []) }
            let header = self.offloads.headerBytes
            if bytes[header] >> 4 == 4 { return (Array(bytes[..<header]), Array(bytes[header...])) }
        }
    }

    /// Writes `bytes` as one piece.
    func write(_ bytes: [UInt8]) -> Int {
        self.write(bytes.span, [PacketPiece(offset: 0, count: Int32(bytes.count))].span)
    }
}

/// TUN devices in networks of their own.
@Suite struct TunDeviceTests {
    private static let sets: [TunDevice.Offloads] = [
        .all, [.header, .checksum, .tso], [.header, .checksum, .uso], [.header, .checksum], .header, [],
    ]
    private static let here = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    private static let there = IPAddress.v4(IPv4Address(192, 0, 2, 2))

    /// A device that is up, with the address 192.0.2.1 and its net behind it; for threads of `PrivateNetwork`.
    private static func device(_ allowed: TunDevice.Offloads) throws -> TunDevice {
        let tun = try TunDevice(name: "culvert%d", allowing: allowed)
        try PrivateNetwork.ip("link set \(tun.name) up mtu 1400")
        try PrivateNetwork.ip("address add 192.0.2.1/24 dev \(tun.name)")
        return tun
    }

    @Test(arguments: sets)
    func `packets go both ways with each set of offloads`(allowed: TunDevice.Offloads) throws {
        let result = try PrivateNetwork.run {
            let tun = try Self.device(allowed)
            let socket = try IKESocket(bindingTo: Endpoint(Self.here, 0), role: [])
            try socket.send([1, 2, 3], from: socket.localEndpoint, to: Endpoint(Self.there, 7))
            let (header, packet) = tun.readIPv4()
            let answer = InnerPackets.udp(
                from: [192, 0, 2, 2], 7, to: [192, 0, 2, 1], socket.localEndpoint.port, [4, 5])
            let bytes = [UInt8](repeating: 0, count: tun.offloads.headerBytes) + answer
            let written = tun.write(bytes)
            var batch: [IKESocket.Datagram] = []
            try socket.receive(into: &batch)
            return (tun.offloads, tun.missing, header, packet, written - bytes.count, batch.map(\.bytes))
        }
        let (offloads, missing, header, packet, difference, received) = result
        #expect(offloads == allowed)
        #expect(missing.count == 4 - [.header, .checksum, .tso, .uso].count { allowed.contains($0) })
        #expect(missing.allSatisfy { $0.contains("switched off") })
        #expect(header.count == (allowed.contains(.header) ? 10 : 0))
        #expect(packet.prefix(1) == [0x45] && packet.suffix(3) == [1, 2, 3])
        // struct virtio_net_hdr: VIRTIO_NET_HDR_F_NEEDS_CSUM in the first byte says that the checksum is ours to do.
        let isOpen = allowed.contains(.checksum)
        #expect(header.first ?? 0 == (isOpen ? 1 : 0))
        #expect(InnerPackets.hasGoodUDPChecksum(packet) != isOpen)
        #expect(difference == 0)
        #expect(received == [[4, 5]])
    }

    @Test(arguments: [TunDevice.Offloads([.checksum, .tso]), [.header, .tso, .uso]])
    func `an offload goes with what it needs`(allowed: TunDevice.Offloads) throws {
        let offloads = try PrivateNetwork.run { try TunDevice(name: "culvert%d", allowing: allowed).offloads }
        #expect(offloads == (allowed.contains(.header) ? .header : []))
    }

    @Test(arguments: [TunDevice.Offloads.all, [.header, .checksum, .tso]])
    func `UDP that leaves as one comes out as one with USO only`(allowed: TunDevice.Offloads) throws {
        let packets = try PrivateNetwork.run {
            let tun = try Self.device(allowed)
            let socket = try PacketSocket(
                sharing: try IKESocket(bindingTo: Endpoint(Self.here, 0), role: []))
            let sent = socket.send(pattern(10 * 1000), segmentSize: 1000, to: Endpoint(Self.there, 7))
            return try (0..<(allowed.contains(.uso) ? 1 : 10)).map { _ in
                try #require(sent.errno == 0)
                return tun.readIPv4()
            }
        }
        #expect(packets.flatMap { $0.packet.dropFirst(28) } == pattern(10 * 1000))
        // gso_type VIRTIO_NET_HDR_GSO_UDP_L4 (5), and gso_size, 1000, at 4.
        let expected: [UInt8] = allowed.contains(.uso) ? [5, 0xe8, 0x03] : [0, 0, 0]
        #expect(
            packets.allSatisfy { packet in
                [1, 4, 5].map { packet.header.dropFirst($0).first ?? 0xff } == expected
            })
    }

    @Test func `a packet is written from the pieces of a buffer`() throws {
        let (written, received, errors) = try PrivateNetwork.run {
            let tun = try Self.device(.all)
            let socket = try IKESocket(bindingTo: Endpoint(Self.here, 0), role: [])
            let data = pattern(1200)
            let packet =
                [UInt8](repeating: 0, count: 10)
                + InnerPackets.udp(
                    from: [192, 0, 2, 2], 7, to: [192, 0, 2, 1], socket.localEndpoint.port, data)
            // The pieces lie in the buffer from last to first, ten bytes each but the last, which is empty.
            var buffer: [UInt8] = []
            var pieces: [PacketPiece] = []
            for start in stride(from: 0, to: packet.count, by: 10).reversed() {
                let piece = packet[start..<min(start + 10, packet.count)]
                pieces.insert(PacketPiece(offset: Int32(buffer.count), count: Int32(piece.count)), at: 0)
                buffer += piece
            }
            pieces.append(PacketPiece(offset: Int32(buffer.count), count: 0))
            let written = tun.write(buffer.span, pieces.span) - packet.count
            var batch: [IKESocket.Datagram] = []
            try socket.receive(into: &batch)
            let wrong: [[PacketPiece]] = [
                [PacketPiece(offset: -1, count: 5)], [PacketPiece(offset: 0, count: -1)],
                [PacketPiece(offset: Int32(buffer.count), count: 1)],
                [PacketPiece(offset: .max, count: .max)],
                [PacketPiece](repeating: PacketPiece(offset: 0, count: 1), count: 131),
            ]
            return (written, batch.map(\.bytes), wrong.map { tun.write(buffer.span, $0.span) })
        }
        #expect(written == 0)
        #expect(received == [pattern(1200)])
        #expect(errors == Array(repeating: -Int(Errno.invalid), count: 5))
    }

    @Test func `reading takes one packet, only where it may, and does not wait`() throws {
        let results = try PrivateNetwork.run {
            let tun = try TunDevice(name: "culvert%d")
            var memory = [UInt8](repeating: 0, count: 100)
            var span = memory.mutableSpan
            return [0..<100, 0..<101, -1..<50, 7..<7].map { tun.read(into: &span, $0) }
        }
        #expect(results == [-Int(Errno.again)] + Array(repeating: -Int(Errno.invalid), count: 3))
    }

    @Test func `a device that is down takes nothing`() throws {
        let result = try PrivateNetwork.run {
            let packet = InnerPackets.udp(from: [192, 0, 2, 2], 7, to: [192, 0, 2, 1], 7, [1])
            return try TunDevice(name: "culvert%d", allowing: []).write(packet)
        }
        #expect(result == -Int(Errno.inputOutput))
    }

    @Test func `the device says its name and index, and goes away with its owner`() throws {
        let (names, indices, gone) = try PrivateNetwork.run {
            let first = try TunDevice(name: "culvert%d")
            let second = try TunDevice(name: "vpn")
            let names = [first.name, second.name]
            // SAFETY: the name is lent for the call and ends with a zero.
            let found = names.map { unsafe if_nametoindex($0) }
            _ = consume second
            return (names, [first.index] == [found[0]] && found[1] != 0, unsafe if_nametoindex("vpn"))
        }
        #expect(names == ["culvert0", "vpn"])
        #expect(indices)
        #expect(gone == 0)
    }

    @Test func `what the kernel does not have is told from what is switched off`() {
        let kernel = TunDevice.Offloads([.header, .checksum]).missingSentences(allowed: .all)
        #expect(kernel.count == 2 && kernel.allSatisfy { $0.contains("the kernel has no") })
        let mixed = TunDevice.Offloads([.header, .checksum]).missingSentences(allowed: [
            .header, .checksum, .tso,
        ])
        #expect(mixed.map { $0.contains("switched off") } == [false, true])
        #expect(TunDevice.Offloads.all.missingSentences(allowed: .all).isEmpty)
    }

    @Test func `a piece is laid out as the system call's C function reads it`() {
        #expect(MemoryLayout<PacketPiece>.size == 8 && MemoryLayout<PacketPiece>.stride == 8)
        #expect(MemoryLayout<PacketPiece>.offset(of: \.offset) == 0)
        #expect(MemoryLayout<PacketPiece>.offset(of: \.count) == 4)
    }
}

/// What an operator reads when there is no device.
@Suite struct TunDeviceFaultTests {
    /// The fault that `body` throws on a thread in a network of its own.
    private func fault(_ body: @escaping @Sendable () throws(IOFault) -> Void) throws -> IOFault? {
        try PrivateNetwork.run {
            do throws(IOFault) {
                try body()
                return nil
            } catch { return error }
        }
    }

    @Test func `no driver`() throws {
        let fault = try self.fault { () throws(IOFault) in
            _ = try TunDevice(name: "vpn", path: "/nowhere/tun")
        }
        #expect(fault?.errno == Errno.noEntry && fault?.text.contains("modprobe tun") == true)
    }

    @Test func `no permission`() throws {
        let fault = try self.fault { () throws(IOFault) in
            try Privileges.keepOnly([])
            _ = try TunDevice(name: "vpn")
        }
        #expect(fault?.errno == Errno.notPermitted && fault?.text.contains("CAP_NET_ADMIN") == true)
    }

    @Test func `a device that another program holds`() throws {
        let fault = try self.fault { () throws(IOFault) in
            let first = try TunDevice(name: "vpn")
            _ = try TunDevice(name: first.name)
        }
        #expect(
            fault?.errno == Errno.busy && fault?.text.contains("another program holds the device vpn") == true
        )
    }

    @Test(arguments: ["lo", "a/b", "a:b"])
    func `a name that is no TUN device's`(name: String) throws {
        let fault = try self.fault { () throws(IOFault) in _ = try TunDevice(name: name) }
        #expect(
            fault?.errno == Errno.invalid
                && fault?.text.contains("\(name) is no name for a TUN device") == true)
    }

    @Test(arguments: ["", "sixteen-bytes-16", "a\0b"])
    func `a name that no device can have`(name: String) throws {
        let fault = try self.fault { () throws(IOFault) in _ = try TunDevice(name: name) }
        #expect(fault?.text == "the name of a device has 1 to 15 bytes")
    }
}
