package import IPsecModel
internal import LinuxIO

extension KernelDataPlane {
    /// Finds out whether the kernel can carry ESP, by installing a state and deleting it again.
    ///
    /// The state belongs to addresses that nobody has (RFC 5737), and no policy leads to it.
    package static func probe() -> Result<Void, KernelFault> {
        // A kernel looks for the algorithm first, and says that it has none before it says that it has no ESP.
        let suites = [
            ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
            ProtectionSuite(encryption: .aesCBC, keyLength: 128, integrity: .hmacSHA256),
        ]
        var last = KernelFault(operation: "NEWSA", object: "probe", errno: Errno.notImplemented)
        for suite in suites {
            do throws(KernelFault) {
                try KernelDataPlane().probe(suite)
                return .success(())
            } catch {
                last = error
                guard error.errno == Errno.notImplemented else { break }
            }
        }
        return .failure(last)
    }

    private func probe(_ suite: ProtectionSuite) throws(KernelFault) {
        let child = Self.probeChild(suite)
        let state = SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
        // Something of a probe that was killed may have stayed.
        try self.delete(state)
        try self.installOutbound(child)
        try self.delete(state)
    }

    private static func probeChild(_ protection: ProtectionSuite) -> ChildSASpec {
        let path = Path(
            local: Endpoint(.v4(IPv4Address(192, 0, 2, 1)), IKEPort.natTraversal),
            remote: Endpoint(.v4(IPv4Address(192, 0, 2, 2)), IKEPort.natTraversal),
            usesUDPEncapsulation: true, confirmedAt: .origin)
        let suite = ESPSuite(protection: protection, sequenceNumbers: .short, keyExchange: nil)
        // Nothing is ever sent with these keys.
        let zeros = { (count: Int) in SecretBytes(copying: repeatElement(0, count: count)) }
        let keys = ESPKeys(
            encryption: zeros(protection.encryptionKeyBytes), integrity: zeros(protection.integrityKeyBytes))
        return ChildSASpec(
            reqid: ReqID.range.upperBound, inboundSPI: ESPSPI(0xc000_0000), outboundSPI: ESPSPI(0xc000_0000),
            path: path, suite: suite, inboundKeys: keys, outboundKeys: keys, localSelectors: [],
            remoteSelectors: [], lifetime: Lifetime(rekey: nil, hard: .seconds(10), jitter: .zero))
    }

    /// Settings of this host with which a tunnel stands and carries nothing, one sentence each, for the log.
    package static func hostWarnings() -> [String] {
        Self.warnings { Host.setting($0) }
    }

    /// The same, with the settings from `read`.
    static func warnings(_ read: (String) -> Int?) -> [String] {
        let checks: [(setting: String, bad: Int, effect: String)] = [
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
        return Host.forwardingWarnings(read) + Host.warnings(checks, read)
    }
}
