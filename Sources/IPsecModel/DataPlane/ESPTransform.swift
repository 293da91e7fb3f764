/// Seals and opens the ESP packets of one direction of one CHILD_SA, where they lie (RFC 4303 §3.3, §3.4).
///
/// A packet is a range of a buffer:
///
///     SPI 4 | sequence number 4 | IV | text with its trailer | ICV
///
/// The transform knows its keys, and whether the SA has extended sequence numbers, which put the high half of the
/// sequence number into the ICV though it is not sent (RFC 4303 §2.2.1). It is used by one thread at a time, which may
/// be another than the one that made it, and neither call allocates.
package protocol ESPTransform: AnyObject {
    /// Bytes of the explicit IV on the wire: 8 for combined modes, 16 for CBC.
    var ivLength: Int { get }
    /// Bytes of the ICV.
    var icvLength: Int { get }
    /// The text's length, trailer included, is a multiple of this: 4 (RFC 4303 §2.4), or the block of the cipher.
    var alignment: Int { get }

    /// Seals `packet` of `memory`, whose SPI, low sequence number and text are in place: writes IV, ciphertext and ICV.
    ///
    /// A sequence number must never be used twice: the IV of combined modes is made of it. A text whose length is not
    /// aligned is `.wrongLength`.
    func seal(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault)

    /// Checks the ICV of `packet` and deciphers its text in place; `.wrongICV` or `.wrongLength` if it is not a packet
    /// of this SA with this sequence number. Then nothing of the text may be used.
    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault)
}

/// Makes the transforms of CHILD_SAs.
package protocol ESPTransformProvider: AnyObject {
    /// The name of the library with its version, such as `OpenSSL 3.0.15`.
    var name: String { get }

    /// The transform that seals, or the one that opens, packets of `suite` with `keys`.
    func transform(
        _ suite: ESPSuite, keys: ESPKeys, _ direction: ESPDirection
    ) throws(CryptoFault) -> any ESPTransform
}

/// What a transform is for: half of an SA pair, or the checks that go with it.
package enum ESPDirection: Hashable, Sendable {
    /// Packets to the peer.
    case outbound
    /// Packets from the peer.
    case inbound
}
