package import IPsecModel

/// What the data plane has seen of one CHILD_SA.
package struct ESPTraffic: Hashable, Sendable {
    /// Its inbound SPI.
    package let inboundSPI: ESPSPI
    /// Packets that came so far and verified.
    package let packetsIn: UInt64
    /// How long ago the last of them came; nil if there was none, or the data plane cannot say.
    package let lastIn: Duration?
    /// How long ago we last sent; nil if we never did, or the data plane cannot say.
    package let lastOut: Duration?

    /// The traffic of the CHILD_SA with our inbound SPI `inboundSPI`.
    package init(inboundSPI: ESPSPI, packetsIn: UInt64, lastIn: Duration?, lastOut: Duration?) {
        self.inboundSPI = inboundSPI
        self.packetsIn = packetsIn
        self.lastIn = lastIn
        self.lastOut = lastOut
    }
}

/// Finds in what the data plane tells when the peer last sent ESP.
struct ESPWatch {
    /// Packets that had come at the last look.
    private var packetsIn: [ESPSPI: UInt64] = [:]

    /// When the newest packet came, as far as can be told; nil if none has since the last look.
    ///
    /// A data plane without a time for its last packet (Linux before 6.2) has a count, and one that has grown between two
    /// looks says that the peer lived in between. That counts as now, so silence is noticed up to one look later.
    mutating func newest(of traffic: [ESPTraffic], now: Instant) -> Instant? {
        let before = self.packetsIn
        // CHILD_SAs come and go: those that are gone are forgotten. Where there is a time, the count is not needed; if the
        // clock is set back there is none for once, and the peer is asked one look later than it would be.
        let counted = traffic.filter { $0.lastIn == nil && $0.packetsIn > 0 }
        self.packetsIn = Dictionary(counted.map { ($0.inboundSPI, $0.packetsIn) }) { $1 }
        return traffic.compactMap { child in
            if let ago = child.lastIn { return now.advanced(by: .zero - max(ago, .zero)) }
            return child.packetsIn > before[child.inboundSPI] ?? 0 ? now : nil
        }.max()
    }
}
