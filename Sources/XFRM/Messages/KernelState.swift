internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// One direction of a CHILD_SA as we tell it to the kernel.
struct KernelState {
    /// The UDP ports of ESP in UDP, as they stand in the packets of this direction.
    struct Encapsulation: Hashable {
        let source: UInt16
        let destination: UInt16
    }

    /// Where an SA that existed before goes on.
    struct Resumption: Hashable {
        var replay: ReplayState?
        var counters: LifetimeCounters
    }

    let isInbound: Bool
    let identifier: SAIdentifier
    let source: IPAddress
    let reqid: UInt32
    // RFC-GAP: RFC 7296 §2.23 the kernel takes ESP in one form per state: in UDP with it, bare without it.
    let encapsulation: Encapsulation?
    let suite: ESPSuite
    let keys: ESPKeys
    let replayWindow: UInt32
    let lifetime: Lifetime
    let bytes: VolumeLimit
    let packets: VolumeLimit
    /// Nil for an SA that has carried nothing.
    var resumption: Resumption?

    /// The half of `child` that receives, on `path`.
    init(inboundOf child: ChildSASpec, on path: Path) {
        self.init(
            child, isInbound: true, spi: child.inboundSPI, keys: child.inboundKeys, from: path.remote,
            to: path.local, inUDP: path.usesUDPEncapsulation)
    }

    /// The half of `child` that sends, on `path`.
    init(outboundOf child: ChildSASpec, on path: Path) {
        self.init(
            child, isInbound: false, spi: child.outboundSPI, keys: child.outboundKeys, from: path.local,
            to: path.remote, inUDP: path.usesUDPEncapsulation)
    }

    private init(
        _ child: ChildSASpec, isInbound: Bool, spi: ESPSPI, keys: ESPKeys, from source: Endpoint,
        to destination: Endpoint, inUDP: Bool
    ) {
        self.isInbound = isInbound
        self.identifier = SAIdentifier(spi: spi, destination: destination.address)
        self.source = source.address
        self.reqid = child.reqid
        self.encapsulation =
            inUDP ? Encapsulation(source: source.port, destination: destination.port) : nil
        self.suite = child.suite
        self.keys = keys
        self.replayWindow = child.replayWindow
        self.lifetime = child.lifetime
        self.bytes = child.bytes
        self.packets = child.packets
    }

    /// The window that the kernel is told.
    ///
    /// A sender has none, and with extended sequence numbers the kernel (6.1) wants one all the same, because it
    /// infers the upper half from it: a receiver that asked for none gets a small one then.
    var effectiveWindow: UInt32 {
        let isExtended = self.suite.sequenceNumbers == .extended
        guard self.isInbound else { return isExtended ? 1 : 0 }
        return min(max(self.replayWindow, isExtended ? 32 : 0), XFRMNumber.largestReplayWindow)
    }

    /// True if the replay state travels as a bitmap attribute: the old form ends at 32 packets and 32 bits.
    private var usesLongReplayState: Bool {
        self.effectiveWindow > 32 || self.suite.sequenceNumbers == .extended
    }

    /// NEWSA or UPDSA.
    func request(_ type: XFRMMessageType) throws(KernelFault) -> NetlinkRequest {
        let request = NetlinkRequest(type)
        self.appendInfo(to: request)
        try self.appendAlgorithms(to: request)
        if let ports = self.encapsulation {
            request.attribute(.encapsulation) {
                $0.append(native: XFRMNumber.espInUDP)
                $0.append(bigEndian: ports.source)
                $0.append(bigEndian: ports.destination)
                $0.appendZeros(18)  // padding, and encap_oa, which transport mode needs
            }
        }
        self.appendResumption(to: request)
        return request
    }

    /// ALLOCSPI for the half that receives from `remote`: `struct xfrm_userspi_info`.
    static func allocation(local: IPAddress, remote: IPAddress, reqid: UInt32) -> NetlinkRequest {
        let request = NetlinkRequest(.allocateSPI)
        request.appendZeros(KernelSelector.length)
        Self.appendIdentifier(SAIdentifier(spi: ESPSPI(0), destination: local), source: remote, to: request)
        request.appendZeros(64 + 32 + 12 + 4)  // limits, counters, statistics, sequence
        request.append(native: reqid)
        request.append(native: local.family.systemNumber)
        request.append(bytes: [XFRMNumber.tunnelMode, 0, 0])
        request.appendZeros(7)
        // The range that other implementations use as well; below 256 is reserved (RFC 4303 §2.1).
        request.append(native: UInt32(0xc000_0000))
        request.append(native: UInt32(0xcfff_ffff))
        return request
    }

    /// GETSA or DELSA: `struct xfrm_usersa_id`.
    static func request(_ type: XFRMMessageType, _ identifier: SAIdentifier) -> NetlinkRequest {
        let request = NetlinkRequest(type)
        request.append(address: identifier.destination)
        request.append(bytes: identifier.spi.bytes)
        request.append(native: identifier.destination.family.systemNumber)
        request.append(bytes: [XFRMNumber.esp, 0])
        return request
    }

    /// `struct xfrm_usersa_info`; offsets in StateSnapshot.
    private func appendInfo(to request: NetlinkRequest) {
        request.appendZeros(KernelSelector.length)  // any inner packet: policies decide
        Self.appendIdentifier(self.identifier, source: self.source, to: request)
        self.appendLimits(to: request)
        request.appendZeros(32 + 12 + 4)  // counters, statistics, sequence
        request.append(native: self.reqid)
        request.append(native: self.identifier.destination.family.systemNumber)
        let window = self.usesLongReplayState ? 0 : UInt8(truncatingIfNeeded: self.effectiveWindow)
        let isExtended = self.suite.sequenceNumbers == .extended
        request.append(bytes: [
            XFRMNumber.tunnelMode, window,
            XFRMNumber.anyInnerFamily | (isExtended ? XFRMNumber.extendedSequenceNumbers : 0),
        ])
        request.appendZeros(7)
    }

    private static func appendIdentifier(
        _ identifier: SAIdentifier, source: IPAddress, to request: NetlinkRequest
    ) {
        request.append(address: identifier.destination)
        request.append(bytes: identifier.spi.bytes)
        request.append(bytes: [XFRMNumber.esp, 0, 0, 0])
        request.append(address: source)
    }

    /// `struct xfrm_lifetime_cfg`: soft and hard bytes, packets, seconds since added, seconds since used. No
    /// limit is all ones for volumes and 0 for times.
    private func appendLimits(to request: NetlinkRequest) {
        for limit in [self.bytes, self.packets] {
            request.append(native: limit.rekey ?? XFRMNumber.unlimited)
            request.append(native: limit.hard ?? XFRMNumber.unlimited)
        }
        // At least a second, because 0 would mean never.
        for span in [self.lifetime.rekey, self.lifetime.hard] {
            request.append(native: span.map { UInt64(clamping: max($0.wholeSeconds, 1)) } ?? 0)
        }
        request.appendZeros(16)
    }

    private func appendResumption(to request: NetlinkRequest) {
        let replay = self.resumption?.replay
        if self.usesLongReplayState {
            var state = replay ?? ReplayState(window: self.effectiveWindow)
            state.window = self.effectiveWindow
            // A bitmap of another size belongs to another window; the kernel would refuse it.
            if state.bitmap.count != Int((state.window + 31) / 32) { state.bitmap = [] }
            request.attribute(.replayBitmap) { state.appendLong(to: $0) }
        } else if let replay {
            request.attribute(.replay) { replay.appendShort(to: $0) }
        }
        if let counters = self.resumption?.counters {
            request.attribute(.lifetimeCounters) { counters.append(to: $0) }
        }
    }
}
