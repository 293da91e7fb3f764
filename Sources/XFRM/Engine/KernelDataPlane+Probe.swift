package import IPsecModel
internal import LinuxIO

extension KernelDataPlane {
    /// Finds out whether the kernel can carry ESP, by installing a state and deleting it again.
    ///
    /// The state belongs to addresses that nobody has (RFC 5737), and no policy leads to it.
    package static func probe() -> Result<Void, KernelFault> {
        do throws(KernelFault) {
            let plane = try KernelDataPlane()
            let child = Self.probeChild()
            // Something of a probe that was killed may have stayed.
            try plane.delete(SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address))
            try plane.installOutbound(child)
            try plane.delete(SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address))
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private static func probeChild() -> ChildSASpec {
        let path = Path(
            local: Endpoint(.v4(IPv4Address(192, 0, 2, 1)), IKEPort.natTraversal),
            remote: Endpoint(.v4(IPv4Address(192, 0, 2, 2)), IKEPort.natTraversal),
            usesUDPEncapsulation: true, confirmedAt: .origin)
        let suite = ESPSuite(
            protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            sequenceNumbers: .short, keyExchange: nil)
        // Nothing is ever sent with these keys.
        let keys = ESPKeys(
            encryption: SecretBytes(copying: [UInt8](repeating: 0, count: 20)),
            integrity: SecretBytes(copying: []))
        return ChildSASpec(
            reqid: ReqID.range.upperBound, inboundSPI: ESPSPI(0xc000_0000), outboundSPI: ESPSPI(0xc000_0000),
            path: path, suite: suite, inboundKeys: keys, outboundKeys: keys, localSelectors: [],
            remoteSelectors: [],
            lifetime: Lifetime(rekey: nil, hard: .seconds(10), jitter: .zero))
    }

    /// Settings of this host with which a tunnel stands and carries nothing, one sentence each, for the log.
    package static func hostWarnings() -> [String] {
        Self.warnings { Host.setting($0) }
    }

    /// The same, with the settings from `read`.
    static func warnings(_ read: (String) -> Int?) -> [String] {
        let checks: [(setting: String, bad: Int, effect: String)] = [
            ("net/ipv4/ip_forward", 0, "hosts behind this gateway cannot reach the tunnel over IPv4"),
            (
                "net/ipv6/conf/all/forwarding", 0,
                "hosts behind this gateway cannot reach the tunnel over IPv6"
            ),
            ("net/ipv4/conf/all/disable_xfrm", 1, "IPv4 packets are sent in clear, past every tunnel"),
            (
                "net/ipv4/conf/all/disable_policy", 1,
                "IPv4 packets from the tunnel's networks are accepted in clear"
            ),
            (
                "net/ipv6/conf/all/disable_policy", 1,
                "IPv6 packets from the tunnel's networks are accepted in clear"
            ),
        ]
        return checks.compactMap { check in
            guard read(check.setting) == check.bad else { return nil }
            let name = check.setting.split(separator: "/").joined(separator: ".")
            return "\(name) is \(check.bad): \(check.effect)"
        }
    }
}
