internal import Foundation
internal import IPsecModel
internal import LinuxIO
internal import XFRM

/// The near end in this namespace, the far end in namespace b.
final class Lab {
    let check: Check
    /// As seen from here: paths and addresses as `run` makes them.
    let near = Endpoint(.v4(IPv4Address(10, 9, 0, 1)), 4500)
    let far = Endpoint(.v4(IPv4Address(10, 9, 0, 2)), 4500)

    init(_ check: Check) {
        self.check = check
    }

    func runAll() {
        guard self.probe() else { return }
        do {
            let sockets = try SelfTest.sockets(on: [4500])
            try self.suites()
            try self.ipv6()
            try self.rekeying()
            try self.mapping()
            try self.addressChange()
            try self.moveUnderTraffic()
            try self.rollback()
            try self.events()
            try self.traps()
            try self.inheritance()
            try self.cleanup()
            withExtendedLifetime(sockets) {}
        } catch {
            self.check.expect(false, "the checks ran to their end", "\(error)")
        }
    }

    // MARK: Making children

    func path(_ local: Endpoint, _ remote: Endpoint, inUDP: Bool = true) -> Path {
        Path(local: local, remote: remote, usesUDPEncapsulation: inUDP, confirmedAt: .origin)
    }

    /// AES-128-GCM.
    static let gcm = ESPSuite(
        protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
        sequenceNumbers: .short, keyExchange: nil)

    /// A child between the networks of both ends; `number` makes keys and the far end's SPI.
    func child(
        _ plane: KernelDataPlane, number: UInt8, reqid: UInt32, path: Path, suite: ESPSuite = Lab.gcm,
        family: AddressFamily = .v4, lifetime: Lifetime = Lifetime(rekey: nil, hard: nil, jitter: .zero)
    ) throws -> ChildSASpec {
        let protection = suite.protection
        func keys(_ seed: UInt8) -> ESPKeys {
            let bytes = (0..<96).map { UInt8(truncatingIfNeeded: Int(seed) &+ $0) }
            return ESPKeys(
                encryption: SecretBytes(copying: bytes[..<protection.encryptionKeyBytes]),
                integrity: SecretBytes(copying: bytes[..<protection.integrityKeyBytes]))
        }
        let spi = try plane.allocateSPI(local: path.local.address, remote: path.remote.address, reqid: reqid)
        let networks: [String] =
            family == .v4 ? ["10.1.0.0/16", "10.2.0.0/16"] : ["2001:db8:1::/64", "2001:db8:2::/64"]
        let selectors = try networks.map { TrafficSelector(try Self.prefix($0)) }
        return ChildSASpec(
            reqid: reqid, inboundSPI: spi, outboundSPI: ESPSPI(0xcafe_0000 + UInt32(number)), path: path,
            suite: suite, inboundKeys: keys(number), outboundKeys: keys(number &+ 100),
            localSelectors: [selectors[0]], remoteSelectors: [selectors[1]], lifetime: lifetime)
    }

    /// Not a prefix.
    struct Unreadable: Error { let text: String }

    /// The prefix that `text` spells.
    static func prefix(_ text: String) throws -> IPPrefix {
        guard let prefix = IPPrefix(text) else { throw Unreadable(text: text) }
        return prefix
    }

    /// The three calls with which a CHILD_SA comes up here.
    func install(_ plane: KernelDataPlane, _ child: ChildSASpec) throws {
        try plane.installInbound(child)
        try plane.installOutbound(child)
        try plane.installPolicies(child)
    }

    // MARK: The far end, by iproute2

    /// iproute2's words for the algorithms, written down here once more on purpose.
    private func algorithms(_ suite: ESPSuite, _ keys: ESPKeys) -> String {
        func hex(_ secret: SecretBytes) -> String {
            "0x" + secret.withBytes { span in hexadecimal((0..<span.count).map { span[$0] }) }
        }
        let hashes: [IntegrityAlgorithm: (String, Int)] = [
            .hmacSHA256: ("sha256", 128), .hmacSHA384: ("sha384", 192), .hmacSHA512: ("sha512", 256),
        ]
        if let hash = suite.protection.integrity.flatMap({ hashes[$0] }) {
            return "auth-trunc 'hmac(\(hash.0))' \(hex(keys.integrity)) \(hash.1) "
                + "enc 'cbc(aes)' \(hex(keys.encryption))"
        }
        let name =
            suite.protection.encryption == .aesGCM16 ? "rfc4106(gcm(aes))" : "rfc7539esp(chacha20,poly1305)"
        return "aead '\(name)' \(hex(keys.encryption)) 128"
    }

    private func state(_ child: ChildSASpec, verb: String, toUs: Bool, farPort: UInt16, far: IPAddress)
        -> String
    {
        let near = child.path.local
        let (from, to) = toUs ? (far, near.address) : (near.address, far)
        let ports = toUs ? "\(farPort) \(near.port)" : "\(near.port) \(farPort)"
        let any = far.family == .v4 ? "0.0.0.0" : "::"
        let encapsulation = child.path.usesUDPEncapsulation ? "encap espinudp \(ports) \(any)" : ""
        let esn = child.suite.sequenceNumbers == .extended ? "flag esn" : ""
        return "ip -n b xfrm state \(verb) src \(from) dst \(to) proto esp "
            + "spi 0x\(toUs ? child.inboundSPI : child.outboundSPI) reqid \(child.reqid) mode tunnel "
            + "replay-window 128 flag af-unspec \(esn) "
            + "\(self.algorithms(child.suite, toUs ? child.inboundKeys : child.outboundKeys)) \(encapsulation)"
    }

    /// Installs, updates or re-creates the far end of `child` with the far end's address and port.
    @discardableResult
    func farEnd(_ verb: String, _ child: ChildSASpec, at far: Endpoint? = nil) -> Bool {
        let far = far ?? child.path.remote
        let inner = child.localSelectors[0].addresses.prefix?.description ?? ""
        let outer = child.remoteSelectors[0].addresses.prefix?.description ?? ""
        var commands: [String] = [true, false].map {
            self.state(child, verb: verb, toUs: $0, farPort: far.port, far: far.address)
        }
        let near = child.path.local.address
        commands.append(
            "ip -n b xfrm policy update src \(outer) dst \(inner) dir out "
                + "tmpl src \(far.address) dst \(near) proto esp reqid \(child.reqid) mode tunnel")
        commands.append(
            "ip -n b xfrm policy update src \(inner) dst \(outer) dir in "
                + "tmpl src \(near) dst \(far.address) proto esp reqid \(child.reqid) mode tunnel")
        let result = CommandResult(commands.joined(separator: " && "))
        if !result.ok { print("far end: \(result.output)") }
        return result.ok
    }

    /// Empties the far end, and waits for nothing.
    func clearFarEnd() {
        _ = CommandResult("ip -n b xfrm state flush; ip -n b xfrm policy flush")
    }

    /// True if all of `count` pings through the tunnel came back.
    func ping(_ count: Int = 3, family: AddressFamily = .v4) -> Bool {
        let address = family == .v4 ? "10.2.0.1" : "2001:db8:2::1"
        return CommandResult("ping -c \(count) -i 0.05 -W 1 \(address)").ok
    }

    /// What `ip -s xfrm state get` says here of one half.
    func kernelView(_ spi: ESPSPI, to destination: IPAddress) -> CommandResult {
        CommandResult("ip -s xfrm state get dst \(destination) proto esp spi 0x\(spi)")
    }
}
