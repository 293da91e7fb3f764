internal import ESPCore
package import IPsecModel
package import LinuxIO

/// The engine's tables with no device and no thread: what a packet costs between the system calls, for measurements.
package final class DetachedTables {
    private var outbound = OutboundTable()
    private var inbound = InboundTable()
    private let outboundMail: TableMailbox<OutboundTable>
    private let inboundMail: TableMailbox<InboundTable>
    /// What the workers would have.
    private var taken: (outbound: OutboundTable, inbound: InboundTable)
    private var known: (outbound: UInt64, inbound: UInt64) = (.max, .max)

    /// Tables without CHILD_SAs.
    package init() throws(IOFault) {
        let wake = try WakeSignal()
        self.outboundMail = TableMailbox(OutboundTable(), wake: wake)
        self.inboundMail = TableMailbox(InboundTable(), wake: wake)
        self.taken = (self.outbound, self.inbound)
    }

    /// Puts both halves and the policies of `child` into the tables and posts each change, as the data plane does. The
    /// receiving half takes what the sending one seals, so it is that of the peer.
    package func install(_ child: ChildSASpec, _ provider: any ESPTransformProvider) throws(CryptoFault) {
        let mtu = TunnelMTU(
            path: 1_500, outer: .v4, isEncapsulatedInUDP: true, protection: child.suite.protection)
        var peer = child
        (peer.inboundSPI, peer.inboundKeys) = (child.outboundSPI, child.outboundKeys)
        (peer.localSelectors, peer.remoteSelectors) = (child.remoteSelectors, child.localSelectors)
        let opening = try provider.transform(child.suite, keys: peer.inboundKeys, .inbound)
        self.inbound.entries[peer.inboundSPI.number] = InboundEntry(
            reqid: child.reqid, sa: InboundSA(peer, transform: opening), counters: InboundCounters(),
            path: child.path, mtu: mtu)
        self.inboundMail.post(self.inbound)
        let sealing = try provider.transform(child.suite, keys: child.outboundKeys, .outbound)
        self.outbound.entries[child.reqid] = OutboundEntry(
            reqid: child.reqid, sa: OutboundSA(child, transform: sealing), counters: SharedCounters(),
            route: TunnelRoute(child.path), socket: nil, mtu: mtu)
        self.outboundMail.post(self.outbound)
        self.outbound.selectors.insert(
            reqid: child.reqid, local: child.localSelectors, remote: child.remoteSelectors)
        self.outboundMail.post(self.outbound)
    }

    /// Takes over what was posted, as the workers do.
    package func refresh() {
        self.outboundMail.take(&self.taken.outbound, known: &self.known.outbound)
        self.inboundMail.take(&self.taken.inbound, known: &self.known.inbound)
    }

    /// Finds the CHILD_SA of the inner packet `input` and seals it at `offset` of `output`; the length, or nil.
    package func seal(
        _ input: Span<UInt8>, into output: inout MutableSpan<UInt8>, at offset: Int
    ) -> Int? {
        guard let packet = InnerPacket(input, 0..<input.count),
            let reqid = self.taken.outbound.selectors.find(packet),
            let entry = self.taken.outbound.entries[reqid]
        else { return nil }
        output.copy(packet.range, of: input, to: offset + entry.sa.headerLength)
        let outcome = entry.sa.seal(
            &output, at: offset, innerCount: packet.range.count,
            nextHeader: ESPTrailer.NextHeader.of(packet.family))
        guard case .sealed(let length) = outcome else { return nil }
        return length
    }

    /// Finds the CHILD_SA of the ESP packet `range` of `memory` and opens it; true if it is to be delivered.
    package func open(_ memory: inout MutableSpan<UInt8>, _ range: Range<Int>) -> Bool {
        guard case .esp(let spi) = EncapsulatedDatagram(memory.span, range),
            let entry = self.taken.inbound.entries[spi.number]
        else { return false }
        do throws(InboundSA.Refusal) {
            return try entry.sa.open(&memory, range, outerClass: 0).packet != nil
        } catch {
            return false
        }
    }
}
