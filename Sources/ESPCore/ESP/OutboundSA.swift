package import IPsecModel

/// The sending half of a CHILD_SA (RFC 4303 §3.3): its keys, and the sequence number that is never used twice.
///
/// One worker owns it and its number; a change of the path leaves it alone.
package final class OutboundSA {
    /// How sealing ended.
    package enum Outcome: Hashable, Sendable {
        /// The ESP packet has this many bytes.
        case sealed(Int)
        /// There are no sequence numbers left, or the SA has carried all that it may: it sends nothing any more.
        case exhausted
        /// The buffer has no room for the packet.
        case noRoom
        /// The cipher failed.
        case failed
    }

    /// The peer's SPI.
    package let spi: ESPSPI
    /// What it has carried.
    package var counters: SACounters {
        var counters = SACounters()
        counters.packets = self.packets
        counters.bytes = self.bytes
        counters.sequenceNumber = self.sequenceNumber
        return counters
    }

    private let transform: any ESPTransform
    // Small numbers in bytes, and no counters that a sender never needs: there may be thousands of SAs.
    private let lengths: Lengths
    private var packets: UInt64 = 0
    private var bytes: UInt64 = 0
    private var sequenceNumber: UInt64
    private var watch: VolumeWatch

    private struct Lengths {
        let header: UInt8
        let icv: UInt8
        let alignment: UInt8
    }

    /// A half that has sent nothing yet, or goes on behind `sequenceNumber`.
    package init(_ child: ChildSASpec, transform: any ESPTransform, sequenceNumber: UInt64 = 0) {
        let isExtended = child.suite.sequenceNumbers == .extended
        self.spi = child.outboundSPI
        self.transform = transform
        self.lengths = Lengths(
            header: UInt8(clamping: ESPPacketParts.headerLength + transform.ivLength),
            icv: UInt8(clamping: transform.icvLength), alignment: UInt8(clamping: max(1, transform.alignment))
        )
        self.watch = VolumeWatch(bytes: child.bytes, packets: child.packets, isExtended: isExtended)
        self.sequenceNumber = sequenceNumber
    }

    /// Bytes before the text: SPI, sequence number, IV.
    package var headerLength: Int { Int(self.lengths.header) }
    private var icvLength: Int { Int(self.lengths.icv) }
    private var alignment: Int { Int(self.lengths.alignment) }

    /// Bytes of the ESP packet around an inner packet of `count` bytes.
    package func sealedLength(of count: Int) -> Int {
        self.headerLength + count + ESPTrailer.padding(of: count, alignment: self.alignment)
            + ESPTrailer.fixedLength + self.icvLength
    }

    /// Seals the inner packet of `count` bytes that lies `headerLength` bytes behind `offset`; the ESP packet begins
    /// at `offset`.
    package func seal(
        _ memory: inout MutableSpan<UInt8>, at offset: Int, innerCount count: Int, nextHeader: UInt8
    ) -> Outcome {
        // The bounds of the memory first: what is within them can be added up.
        guard offset >= 0, count >= 0, count <= memory.count else { return .noRoom }
        let length = self.sealedLength(of: count)
        guard length <= memory.count - offset else { return .noRoom }
        // RFC 4303 §3.3.3: the number may not cycle.
        guard self.sequenceNumber < self.watch.lastSequenceNumber, !self.watch.isSpent(self.counters)
        else { return .exhausted }
        let number = self.sequenceNumber &+ 1
        self.sequenceNumber = number
        memory.store(self.spi.number, at: offset)
        memory.store(UInt32(truncatingIfNeeded: number), at: offset + 4)
        let end = ESPTrailer.write(
            &memory, at: offset + self.headerLength + count,
            padding: ESPTrailer.padding(of: count, alignment: self.alignment), nextHeader: nextHeader)
        do throws(CryptoFault) {
            try self.transform.seal(&memory, offset..<(end + self.icvLength), sequenceNumber: number)
        } catch {
            return .failed
        }
        self.packets &+= 1
        self.bytes &+= UInt64(count)
        return .sealed(length)
    }

    /// What is due and was not said before: time for a successor, or the end.
    package func takeDue() -> VolumeWatch.Due? { self.watch.check(self.counters) }
}
