/// Why the kernel, or another part of this host, did not do what we asked.
package struct KernelFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was asked, such as `NEWSA`.
    package let operation: String
    /// On what, such as an SPI with its addresses. Never a key.
    package let object: String
    /// The errno, or 0 if there was none.
    package let errno: Int32
    /// The kernel's own text (extended ACK), or ours; may be empty.
    package let text: String

    /// The failure of `operation` on `object`.
    package init(operation: String, object: String, errno: Int32, text: String = "") {
        self.operation = operation
        self.object = object
        self.errno = errno
        self.text = text
    }

    package var description: String {
        let detail = self.text.isEmpty ? "" : ": \(self.text)"
        return "\(self.operation) \(self.object): errno \(self.errno)\(detail)"
    }
}

/// Counters of one direction of a CHILD_SA.
package struct SAStatistics: Hashable, Sendable {
    /// Bytes of inner packets.
    package var bytes: UInt64 = 0
    /// Packets.
    package var packets: UInt64 = 0
    /// Packets refused by the replay window as seen before.
    package var replayed: UInt64 = 0
    /// Packets too old for the replay window.
    package var late: UInt64 = 0
    /// Packets with a wrong ICV.
    package var badICV: UInt64 = 0
    /// The highest sequence number sent or received.
    package var sequenceNumber: UInt64 = 0
    /// Seconds since 1970 of the last packet; nil if there was none yet or the engine cannot say.
    package var lastUse: UInt64?

    /// All counters at zero.
    package init() {}
}

/// One direction of a CHILD_SA as a data plane names it.
package struct SAIdentifier: Hashable, Sendable, CustomStringConvertible {
    /// The SPI.
    package let spi: ESPSPI
    /// Where the packets go: our address for inbound, the peer's for outbound.
    package let destination: IPAddress

    /// The SA of `spi` at `destination`.
    package init(spi: ESPSPI, destination: IPAddress) {
        self.spi = spi
        self.destination = destination
    }

    package var description: String { "\(self.spi) to \(self.destination)" }
}

/// What happened in a data plane without our asking.
package enum DataPlaneEvent: Hashable, Sendable {
    /// Authenticated ESP of an inbound SA came from a new address or port (XFRM_MSG_MAPPING).
    case mappingChanged(SAIdentifier, reqid: UInt32, from: Endpoint, to: Endpoint)
    /// A lifetime ended; after a hard expiry the SA is gone already.
    case expired(SAIdentifier, reqid: UInt32, isHard: Bool)
    /// A packet met a policy that has no SA: `TrapPolicy.reqid`, or a CHILD_SA's that is just gone.
    case acquire(reqid: UInt32, local: TrafficSelector, remote: TrafficSelector)
    /// ESP came with an SPI that the engine does not have, from `from` to `to`, without ports if it was bare. Told once in a
    /// while: anybody can send such.
    case unknownSPI(ESPSPI, from: Endpoint, to: Endpoint)
    /// Events were lost; what we believe must be compared with what there is.
    case overflow
}

/// How large packets can be in a tunnel.
package struct TunnelSize: Hashable, Sendable {
    /// Bytes of the largest inner packet.
    package let inner: Int
    /// Bytes of the largest packet on the way to the peer, as far as this host knows.
    package let path: Int
    /// What TCP's maximum segment size is held to, over IPv4.
    package let mss: Int

    /// A tunnel with these sizes.
    package init(inner: Int, path: Int, mss: Int) {
        self.inner = inner
        self.path = path
        self.mss = mss
    }
}

/// The engine that carries ESP. All calls come from the control thread, and each is done when it returns.
package protocol DataPlane: AnyObject {
    /// The name in `culvert status`, such as `kernel-xfrm (Linux 6.1.0)`.
    var description: String { get }

    /// Takes a fresh inbound SPI, which the engine reserves for packets from `remote` to `local`.
    func allocateSPI(local: IPAddress, remote: IPAddress, reqid: UInt32) throws(KernelFault) -> ESPSPI

    /// Gives back an SPI that was never installed.
    func releaseSPI(_ spi: ESPSPI, local: IPAddress)

    /// Makes the inbound half ready to receive.
    func installInbound(_ child: ChildSASpec) throws(KernelFault)

    /// Sends with the outbound half from now on, instead of an older one of the same `reqid`.
    func installOutbound(_ child: ChildSASpec) throws(KernelFault)

    /// Makes the engine carry the child's traffic, and nothing of it leave in clear; once per `reqid`.
    func installPolicies(_ child: ChildSASpec) throws(KernelFault)

    /// Undoes `installPolicies`.
    func removePolicies(_ child: ChildSASpec) throws(KernelFault)

    /// Holds back what `trap` names as long as no child's policies take it; in place of what its reqid had before.
    func installTrap(_ trap: TrapPolicy) throws(KernelFault)

    /// Undoes `installTrap`. A child's policies stay.
    func removeTrap(_ trap: TrapPolicy) throws(KernelFault)

    /// Ends both halves; halves that do not exist (any more) are no error.
    func removeStates(_ child: ChildSASpec) throws(KernelFault)

    /// Moves all `children` (in which the path is still the old one) to `path`: all or none.
    ///
    /// Sequence numbers and replay windows stay. Returns when packets use the new path.
    func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault)

    /// Counters of the inbound and the outbound half.
    func statistics(
        _ child: ChildSASpec
    ) throws(KernelFault) -> (inbound: SAStatistics, outbound: SAStatistics)

    /// How large inner packets can be; nil if the engine leaves that to the kernel.
    func tunnelSize(_ child: ChildSASpec) -> TunnelSize?

    /// Packets that the engine threw away, by a word for the reason; nil if it does not count them.
    var dropped: [String: UInt64]? { get }

    /// Removes all that is ours, from this process or a crashed one.
    func removeEverything() throws(KernelFault)
}

extension DataPlane {
    /// The kernel's own engine does not say.
    package func tunnelSize(_ child: ChildSASpec) -> TunnelSize? { nil }

    /// The kernel counts in /proc/net/xfrm_stat.
    package var dropped: [String: UInt64]? { nil }
}
