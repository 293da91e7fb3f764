/// Where the parts of an ESP packet lie in a buffer (RFC 4303 §2).
///
///     SPI 4 | sequence number 4 | IV | text with its trailer | ICV
package struct ESPPacketParts {
    /// Bytes of SPI and sequence number.
    package static let headerLength = 8

    /// The offset of the SPI.
    package let start: Int
    /// The IV.
    package let iv: Range<Int>
    /// The text, or the ciphertext.
    package let text: Range<Int>
    /// The ICV.
    package let icv: Range<Int>

    /// The parts of `packet` in a buffer of `count` bytes; the lengths are those of `transform`.
    ///
    /// `.wrongLength` if the packet does not lie within the buffer, is too short, or its text is not aligned. So whoever
    /// has such a value may index the buffer with it.
    @inlinable package init(
        _ packet: Range<Int>, in count: Int, of transform: borrowing some ESPTransform
    ) throws(CryptoFault) {
        guard packet.lowerBound >= 0, packet.upperBound <= count else {
            throw .wrongLength(what: "buffer", need: packet.upperBound, have: count)
        }
        let textStart = Self.headerLength + transform.ivLength
        let textLength = packet.count - textStart - transform.icvLength
        guard textLength >= 0 else {
            throw .wrongLength(
                what: "ESP packet", need: textStart + transform.icvLength, have: packet.count)
        }
        // RFC 4303 §2.4: the trailer aligns the text.
        guard textLength % transform.alignment == 0 else {
            let aligned = (textLength / transform.alignment + 1) * transform.alignment
            throw .wrongLength(what: "ESP text", need: aligned, have: textLength)
        }
        self.start = packet.lowerBound
        self.text = (packet.lowerBound + textStart)..<(packet.upperBound - transform.icvLength)
        self.iv = (packet.lowerBound + Self.headerLength)..<self.text.lowerBound
        self.icv = self.text.upperBound..<packet.upperBound
    }

    /// The offset of the low half of the sequence number.
    @inlinable package var sequenceNumber: Int { self.start + 4 }
    /// SPI and sequence number.
    @inlinable package var header: Range<Int> { self.start..<(self.start + Self.headerLength) }
    /// What the ICV of a separate integrity algorithm covers.
    @inlinable package var authenticated: Range<Int> { self.start..<self.icv.lowerBound }
}
