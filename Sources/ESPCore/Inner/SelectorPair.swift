internal import IPsecModel

/// One way of the packets of a CHILD_SA: from one of its local selectors to one of its remote ones.
struct SelectorPair: Sendable {
    /// What the source must fit.
    let source: SelectorMatch
    /// What the destination must fit.
    let destination: SelectorMatch
    /// Whose it is, and when it is asked.
    let rank: Rank

    /// The place of a pair among those that admit a packet.
    struct Rank: Sendable {
        /// When it was inserted; of two that are equally narrow the earlier one counts. No two pairs have the same.
        let order: UInt64
        /// How few packets the pair takes in: see `SelectorPair.init`.
        let narrowness: UInt32
        /// The CHILD_SA.
        let reqid: UInt32

        /// True if this one is asked before `other`, which may be nobody.
        @inline(__always) func precedes(_ other: Rank?) -> Bool {
            guard let other else { return true }
            return self.narrowness > other.narrowness
                || self.narrowness == other.narrowness && self.order < other.order
        }
    }

    /// The pair of two selectors, or nil if no packet fits both.
    ///
    /// The order is that of the policies of the kernel engine: the bits of both prefixes, then whether there is a
    /// protocol, then the bits of the ports. Of a range that is not a prefix, those of the largest prefix that might fit
    /// into it count, so that it is narrower than any prefix around it.
    init?(_ local: TrafficSelector, _ remote: TrafficSelector, reqid: UInt32, order: UInt64) {
        let (family, other) = (local.addresses.first.family, remote.addresses.first.family)
        let (mine, theirs) = (local.ipProtocol, remote.ipProtocol)
        guard family == other, mine == theirs || mine == 0 || theirs == 0 else { return nil }
        let ipProtocol = max(mine, theirs)
        guard let portBits = Self.portBits(local.ports, remote.ports, ipProtocol) else { return nil }
        let prefixBits = Self.bits(local.addresses) + Self.bits(remote.addresses)  // at most 256
        self.source = SelectorMatch(local)
        self.destination = SelectorMatch(remote)
        self.rank = Rank(
            order: order, narrowness: UInt32(prefixBits * 128 + (ipProtocol == 0 ? 0 : 64) + portBits),
            reqid: reqid)
    }

    /// True if an outbound packet fits.
    @inline(__always) func admits(_ packet: InnerPacket) -> Bool {
        self.destination.admitsDestination(packet) && self.source.admitsSource(packet)
    }

    private static func bits(_ range: AddressRange) -> Int {
        range.first.family.bitWidth - Self.logarithm(range.last.number - range.first.number)
    }

    private static func portBits(_ local: PortSelector, _ remote: PortSelector, _ ipProtocol: UInt8) -> Int? {
        guard ipProtocol == IPProtocol.icmp || ipProtocol == IPProtocol.icmpv6 else {
            return Self.bits(local) + Self.bits(remote)
        }
        // The one number of ICMP must fit both ends, and the bits of both count.
        return local.intersection(remote).map { 2 * Self.bits($0) }
    }

    private static func bits(_ ports: PortSelector) -> Int {
        switch ports {
        case .opaque: return 16
        case .range(let range): return 16 - Self.logarithm(UInt128(range.upperBound - range.lowerBound))
        }
    }

    /// The binary logarithm of `difference` + 1, rounded down: the host bits of the largest prefix in a range.
    private static func logarithm(_ difference: UInt128) -> Int {
        difference == .max ? 128 : 127 - (difference + 1).leadingZeroBitCount
    }
}
