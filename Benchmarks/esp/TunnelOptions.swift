internal import ArgumentParser
internal import IPsecModel

/// What the command line says.
struct TunnelOptions: ParsableArguments {
    @Argument(help: "The name of the TUN device.")
    var device: String?
    @Argument(help: "Our outer address.")
    var local: String?
    @Argument(help: "The peer's outer address.")
    var remote: String?
    @Argument(help: "The UDP port of both ends.")
    var port: UInt16?
    @Argument(
        help:
            "aes128gcm16, aes256gcm16, chacha20poly1305, aes128-sha256, aes256-sha256, aes256-sha384, aes256-sha512"
    )
    var cipher: String?

    @Flag(
        help: "Measures the engine itself, and needs no other argument: allocations, memory, many CHILD_SAs.")
    var selfbench = false
    @Flag(help: "Sequence numbers of 64 bits.")
    var esn = false
    @Flag(help: "IP protocol 50 instead of UDP.")
    var bare = false
    @Flag(help: "Without segmentation offloads of the TUN device and of UDP.")
    var noOffload = false
    @Option(help: "KEYMAT of both directions in hexadecimal: encryption key, its salt, integrity key.")
    var key: String?
    @Option(help: "Our SPI in hexadecimal.")
    var spiIn = "c0000001"
    @Option(help: "The peer's SPI in hexadecimal.")
    var spiOut = "c0000001"
    @Option(help: "Packets that the replay window spans.")
    var replayWindow: UInt32 = 1_024
    @Option(help: "Inner packets of our side.")
    var localTs: [String] = ["0.0.0.0/0", "::/0"]
    @Option(help: "Inner packets of the peer's side; they are routed into the tunnel.")
    var remoteTs: [String] = []
    @Option(help: "The MTU of the TUN device.")
    var mtu: Int?
    @Option(help: "The cipher library: openssl, ipsec-mb, or auto for the faster.")
    var provider = "auto"

    /// The device that the options name.
    func deviceName() throws -> String {
        guard let device = self.device else { throw ValidationError("no device is named") }
        return device
    }

    /// The child that the options describe.
    func child() throws -> ChildSASpec {
        guard let local = self.local, let remote = self.remote, let port = self.port, let cipher = self.cipher
        else {
            throw ValidationError("DEVICE LOCAL REMOTE PORT CIPHER are needed, or --selfbench")
        }
        return try self.child(local, remote, port, cipher)
    }

    /// A child of no particular peer, for the measurements without one.
    func template() throws -> ChildSASpec {
        try self.child("192.0.2.1", "192.0.2.2", 4_500, self.cipher ?? "aes128gcm16")
    }

    private func child(_ local: String, _ remote: String, _ port: UInt16, _ cipher: String) throws
        -> ChildSASpec
    {
        let suite = try self.suite(cipher)
        let keys = try self.keys(suite.protection)
        guard let local = IPAddress(local), let remote = IPAddress(remote),
            let inbound = UInt32(self.spiIn, radix: 16), let outbound = UInt32(self.spiOut, radix: 16)
        else { throw ValidationError("an address or an SPI is none") }
        let path = Path(
            local: Endpoint(local, port), remote: Endpoint(remote, port),
            usesUDPEncapsulation: !self.bare, confirmedAt: .origin)
        // Without a network of the peer's, everything that is routed here by hand may go there.
        let everything = ["0.0.0.0/0", "::/0"]
        return ChildSASpec(
            reqid: ReqID.range.lowerBound, inboundSPI: ESPSPI(inbound), outboundSPI: ESPSPI(outbound),
            path: path,
            suite: suite, inboundKeys: keys, outboundKeys: keys,
            localSelectors: try Self.selectors(self.localTs),
            remoteSelectors: try Self.selectors(self.remoteTs.isEmpty ? everything : self.remoteTs),
            replayWindow: self.replayWindow, lifetime: Lifetime(rekey: nil, hard: nil, jitter: .zero))
    }

    private static func selectors(_ prefixes: [String]) throws -> [TrafficSelector] {
        try prefixes.map { text in
            guard let prefix = IPPrefix(text) else { throw ValidationError("'\(text)' is no prefix") }
            return TrafficSelector(prefix)
        }
    }

    private func suite(_ cipher: String) throws -> ESPSuite {
        let suites: [String: ProtectionSuite] = [
            "aes128gcm16": .init(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            "aes256gcm16": .init(encryption: .aesGCM16, keyLength: 256, integrity: nil),
            "chacha20poly1305": .init(encryption: .chacha20Poly1305, keyLength: 256, integrity: nil),
            "aes128-sha256": .init(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
            "aes256-sha256": .init(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA256),
            "aes256-sha384": .init(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA384),
            "aes256-sha512": .init(encryption: .aesCBC, keyLength: 256, integrity: .hmacSHA512),
        ]
        guard let protection = suites[cipher] else {
            throw ValidationError("'\(cipher)' is none of \(suites.keys.sorted().joined(separator: ", "))")
        }
        return ESPSuite(
            protection: protection, sequenceNumbers: self.esn ? .extended : .short, keyExchange: nil)
    }

    private func keys(_ protection: ProtectionSuite) throws -> ESPKeys {
        let encryption = protection.encryptionKeyBytes
        let count = encryption + protection.integrityKeyBytes
        let bytes = try self.key.map(Self.bytes) ?? (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ 1) }
        guard bytes.count == count else {
            throw ValidationError("the cipher needs \(count) bytes of key, not \(bytes.count)")
        }
        return ESPKeys(
            encryption: SecretBytes(copying: bytes[..<encryption]),
            integrity: SecretBytes(copying: bytes[encryption...]))
    }

    private static func bytes(_ hexadecimal: String) throws -> [UInt8] {
        let digits = Array(hexadecimal)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { index in
            UInt8(String(digits[index..<min(index + 2, digits.count)]), radix: 16)
        }
        guard digits.count % 2 == 0, bytes.count * 2 == digits.count else {
            throw ValidationError("the key is not hexadecimal")
        }
        return bytes
    }
}
