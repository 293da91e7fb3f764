package import IPsecModel

/// The receiving half of a CHILD_SA (RFC 4303 §3.4): its keys, its replay window, and what its peer may send.
///
/// One worker owns it and its window; a change of the path leaves it alone.
package final class InboundSA {
    /// An ESP packet of this SA's peer, sent by nobody else and never seen before.
    package struct Opened {
        /// What the traffic selectors admit; nil for a dummy packet (RFC 4303 §2.6).
        package let packet: InnerPacket?
        /// True if no later packet came before it: where it came from is where the peer is.
        package let isNewest: Bool
    }

    /// Why an ESP packet is not delivered. Nobody is told: all of it can be an attack (RFC 4303 §3.4.4.1).
    package enum Refusal: Error, Hashable, Sendable, CaseIterable {
        /// Too short to be one of this SA.
        case tooShort
        /// Too old for the replay window.
        case late
        /// Seen before.
        case replayed
        /// Not sealed with this SA's keys.
        case wrongICV
        /// The text makes no sense: padding, next header or inner packet.
        case malformed
        /// The inner packet is none that the traffic selectors admit (RFC 4301 §5.2).
        case outsideSelectors
        /// Outer congestion on a packet whose sender does not know ECN (RFC 6040 §4.2).
        case congested
        /// The SA has carried all that it may.
        case spent
    }

    /// Our SPI.
    package let spi: ESPSPI
    // Small numbers in bytes, beside the SPI: there may be thousands of SAs.
    private let headerBytes: UInt8
    private let icvBytes: UInt8
    /// What it has carried and refused.
    package private(set) var counters = SACounters()

    private let transform: any ESPTransform
    private let filter: PacketFilter
    private var window: ReplayWindow
    private var watch: VolumeWatch

    /// A half that has received nothing yet.
    package init(_ child: ChildSASpec, transform: any ESPTransform) {
        let isExtended = child.suite.sequenceNumbers == .extended
        self.spi = child.inboundSPI
        self.transform = transform
        self.headerBytes = UInt8(clamping: ESPPacketParts.headerLength + transform.ivLength)
        self.icvBytes = UInt8(clamping: transform.icvLength)
        self.filter = PacketFilter(local: child.localSelectors, remote: child.remoteSelectors)
        self.window = ReplayWindow(size: child.replayWindow, isExtended: isExtended)
        self.watch = VolumeWatch(bytes: child.bytes, packets: child.packets, isExtended: isExtended)
    }

    private var headerLength: Int { Int(self.headerBytes) }
    private var icvLength: Int { Int(self.icvBytes) }

    /// Opens the ESP packet `range` of `memory` in place. `outerClass` is the traffic class of the packet that brought
    /// it, whose congestion mark the inner packet takes over (RFC 6040 §4.2).
    package func open(
        _ memory: inout MutableSpan<UInt8>, _ range: Range<Int>, outerClass: UInt8
    ) throws(Refusal) -> Opened {
        do throws(Refusal) {
            let number = try self.freshNumber(memory.span, range)
            let isNewest = number > self.window.highest
            let text = try self.authenticate(&memory, range, number)
            let packet = try self.innerPacket(&memory, text, outerClass: outerClass)
            return Opened(packet: packet, isNewest: isNewest)
        } catch {
            self.count(error)
            throw error
        }
    }

    /// What is due and was not said before: time for a successor, or the end.
    package func takeDue() -> VolumeWatch.Due? { self.watch.check(self.counters) }

    /// The sequence number of a packet that may be new.
    private func freshNumber(_ memory: Span<UInt8>, _ range: Range<Int>) throws(Refusal) -> UInt64 {
        guard range.lowerBound >= 0, range.upperBound <= memory.count,
            range.count >= self.headerLength + ESPTrailer.fixedLength + self.icvLength
        else { throw .tooShort }
        guard !self.watch.isSpent(self.counters) else { throw .spent }
        guard let number = self.window.sequenceNumber(low: memory.load32(range.lowerBound + 4)) else {
            throw .late
        }
        switch self.window.judge(number) {
        case .fresh: return number
        case .late: throw .late
        case .replayed: throw .replayed
        }
    }

    /// The text of a packet whose ICV is good, deciphered.
    private func authenticate(
        _ memory: inout MutableSpan<UInt8>, _ range: Range<Int>, _ number: UInt64
    ) throws(Refusal) -> Range<Int> {
        do throws(CryptoFault) {
            try self.transform.open(&memory, range, sequenceNumber: number)
        } catch {
            throw .wrongICV
        }
        // RFC 4303 §3.4.3: only now.
        self.window.mark(number)
        self.counters.sequenceNumber = self.window.highest
        return (range.lowerBound + self.headerLength)..<(range.upperBound - self.icvLength)
    }

    private func innerPacket(
        _ memory: inout MutableSpan<UInt8>, _ text: Range<Int>, outerClass: UInt8
    ) throws(Refusal) -> InnerPacket? {
        guard let trailer = ESPTrailer.read(memory.span, text) else { throw .malformed }
        if trailer.nextHeader == ESPTrailer.NextHeader.none { return nil }
        guard let packet = InnerPacket(memory.span, text.lowerBound..<trailer.end),
            ESPTrailer.NextHeader.of(packet.family) == trailer.nextHeader
        else { throw .malformed }
        guard self.filter.admitsInbound(packet) else { throw .outsideSelectors }
        guard ECN.apply(&memory, packet, outerTrafficClass: outerClass) else { throw .congested }
        self.counters.packets &+= 1
        self.counters.bytes &+= UInt64(packet.range.count)
        return packet
    }

    private func count(_ refusal: Refusal) {
        switch refusal {
        case .late: self.counters.late &+= 1
        case .replayed: self.counters.replayed &+= 1
        case .wrongICV: self.counters.badICV &+= 1
        case .outsideSelectors: self.counters.outsideSelectors &+= 1
        case .tooShort, .malformed: self.counters.malformed &+= 1
        case .congested, .spent: break
        }
    }
}
