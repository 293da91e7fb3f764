/// A CHILD_SA. Counters are nil while the data plane cannot be asked for them.
package struct ChildReport: Hashable, Sendable, Codable {
    /// The child's name in the configuration.
    package var name: String
    /// Whether it carries packets.
    package var state: ChildState
    /// What ties its states to its policies; the same after a rekey.
    package var reqid: UInt32
    /// `tunnel`.
    package var mode: String
    /// How its packets are wrapped: `udp` (RFC 3948) or `none`.
    package var encap: String
    /// The SPI of packets to us: 8 hexadecimal digits.
    package var inboundSPI: String
    /// The SPI of packets to the peer: 8 hexadecimal digits.
    package var outboundSPI: String
    /// Inner packets' addresses on our side.
    package var localTS: [String]
    /// Inner packets' addresses on the peer's side.
    package var remoteTS: [String]
    /// The algorithms, such as `aes256gcm16` or `aes256-sha256-x25519`.
    package var esp: String
    /// True if sequence numbers have 64 bits.
    package var esn: Bool
    /// Packets that the replay window spans; 0 if there is none.
    package var replayWindow: UInt32
    /// Bytes of inner packets that came.
    package var bytesIn: UInt64?
    /// Bytes of inner packets that went.
    package var bytesOut: UInt64?
    /// Packets that came.
    package var packetsIn: UInt64?
    /// Packets that went.
    package var packetsOut: UInt64?
    /// When the last packet came; nil if none did or the data plane does not say.
    package var lastInAt: Timestamp?
    /// When the last packet went; nil if none did or the data plane does not say.
    package var lastOutAt: Timestamp?
    /// Packets refused because they came before.
    package var replayed: UInt64?
    /// Packets refused because they were too old for the replay window.
    package var late: UInt64?
    /// Packets refused because they did not verify.
    package var badICV: UInt64?
    /// The sequence number of the last packet that went.
    package var sequenceOut: UInt64?
    /// Bytes of the largest inner packet; nil if the data plane leaves that to the kernel.
    package var mtu: Int?
    /// Bytes of the largest packet on the way to the peer, as far as this host knows.
    package var pathMTU: Int?
    /// What TCP's maximum segment size is held to, over IPv4.
    package var mss: Int?
    /// When it was set up or last rekeyed.
    package var installedAt: Timestamp
    /// When we rekey it unless the peer does so before; nil means never.
    package var rekeyAt: Timestamp?
    /// When it ends if nobody rekeys it; nil means never.
    package var expiresAt: Timestamp?

    /// A CHILD_SA between `localTS` and `remoteTS`; counters and times that are due are set afterwards.
    package init(
        name: String, state: ChildState, reqid: UInt32, mode: String = "tunnel", encap: String,
        inboundSPI: String, outboundSPI: String, localTS: [String], remoteTS: [String], esp: String,
        esn: Bool, replayWindow: UInt32, installedAt: Timestamp
    ) {
        self.name = name
        self.state = state
        self.reqid = reqid
        self.mode = mode
        self.encap = encap
        self.inboundSPI = inboundSPI
        self.outboundSPI = outboundSPI
        self.localTS = localTS
        self.remoteTS = remoteTS
        self.esp = esp
        self.esn = esn
        self.replayWindow = replayWindow
        self.installedAt = installedAt
    }

    private enum CodingKeys: String, CodingKey {
        case name, state, reqid, mode, encap, esp, esn, replayed, late, mtu, mss
        case pathMTU = "path_mtu"
        case inboundSPI = "spi_in"
        case outboundSPI = "spi_out"
        case localTS = "local_ts"
        case remoteTS = "remote_ts"
        case replayWindow = "replay_window"
        case bytesIn = "bytes_in"
        case bytesOut = "bytes_out"
        case packetsIn = "packets_in"
        case packetsOut = "packets_out"
        case lastInAt = "last_in_at"
        case lastOutAt = "last_out_at"
        case badICV = "bad_icv"
        case sequenceOut = "sequence_out"
        case installedAt = "installed_at"
        case rekeyAt = "rekey_at"
        case expiresAt = "expires_at"
    }
}

/// What a CHILD_SA is doing; a client may meet states that it does not know.
package struct ChildState: RawRepresentable, Hashable, Sendable, Codable {
    /// The word in the field `state`.
    package let rawValue: String
    /// The state called `rawValue`.
    package init(rawValue: String) { self.rawValue = rawValue }

    /// It carries packets.
    package static let installed = ChildState(rawValue: "installed")
    /// Another took its place; it still receives.
    package static let rekeyed = ChildState(rawValue: "rekeyed")
    /// Its DELETE is on the way.
    package static let deleting = ChildState(rawValue: "deleting")
}
