/// The keys of one direction of a CHILD_SA (RFC 7296 §2.17).
package struct ESPKeys: Sendable {
    /// The encryption key, with the salt of combined modes after it.
    package let encryption: SecretBytes
    /// The integrity key; empty for combined modes.
    package let integrity: SecretBytes

    /// The keys of one direction.
    package init(encryption: SecretBytes, integrity: SecretBytes) {
        self.encryption = encryption
        self.integrity = integrity
    }
}

/// All that a data plane must know of one CHILD_SA.
///
/// A rekeyed CHILD_SA is a new value with new SPIs and keys and the same `reqid`.
package struct ChildSASpec: Sendable {
    /// Ties states to policies; it stays the same over rekeys and differs between peers.
    package var reqid: UInt32
    /// The SPI of packets to us: ours.
    package var inboundSPI: ESPSPI
    /// The SPI of packets to the peer: theirs.
    package var outboundSPI: ESPSPI
    /// False as long as the half that sends is not installed: then a state with `outboundSPI` is somebody
    /// else's, since the peer chooses the number.
    package var hasOutboundHalf = true
    /// The way of the outer packets.
    package var path: Path
    /// The algorithms.
    package var suite: ESPSuite
    /// Keys of packets to us.
    package var inboundKeys: ESPKeys
    /// Keys of packets to the peer.
    package var outboundKeys: ESPKeys
    /// Inner packets' addresses on our side.
    package var localSelectors: [TrafficSelector]
    /// Inner packets' addresses on the peer's side.
    package var remoteSelectors: [TrafficSelector]
    /// The networks on our side that the configuration names, of which the local selectors may be a part that the peer
    /// has chosen.
    package var ownNetworks: [TrafficSelector]
    /// Tunnel mode.
    package var mode: IPsecMode
    /// Packets that the replay window spans; 0 switches it off.
    package var replayWindow: UInt32
    /// When the data plane reports a soft and a hard expiry; the jitter is already taken off.
    package var lifetime: Lifetime
    /// The same by bytes.
    package var bytes: VolumeLimit
    /// The same by packets.
    package var packets: VolumeLimit

    /// The specification of one CHILD_SA. Without `ownNetworks` those are what the local selectors say.
    package init(
        reqid: UInt32, inboundSPI: ESPSPI, outboundSPI: ESPSPI, path: Path, suite: ESPSuite,
        inboundKeys: ESPKeys, outboundKeys: ESPKeys, localSelectors: [TrafficSelector],
        remoteSelectors: [TrafficSelector], ownNetworks: [TrafficSelector]? = nil, mode: IPsecMode = .tunnel,
        replayWindow: UInt32 = 1_024,
        lifetime: Lifetime, bytes: VolumeLimit = .none, packets: VolumeLimit = .none
    ) {
        self.reqid = reqid
        self.inboundSPI = inboundSPI
        self.outboundSPI = outboundSPI
        self.path = path
        self.suite = suite
        self.inboundKeys = inboundKeys
        self.outboundKeys = outboundKeys
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.ownNetworks = ownNetworks ?? localSelectors
        self.mode = mode
        self.replayWindow = replayWindow
        self.lifetime = lifetime
        self.bytes = bytes
        self.packets = packets
    }
}
