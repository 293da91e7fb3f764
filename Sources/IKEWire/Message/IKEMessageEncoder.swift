package import IPsecModel

/// Makes IKE messages. All lengths, padding and associated data are its work.
package enum IKEMessageEncoder {
    /// Encrypts and authenticates: the text with its padding, and the message's octets before the IV.
    ///
    /// Returns an IV that was never used with this key, and ciphertext | ICV. It is called once per message.
    package typealias Seal = (
        _ text: [UInt8], _ associatedData: ArraySlice<UInt8>
    ) throws(CryptoFault) -> (iv: [UInt8], sealed: [UInt8])

    /// A message without protection: IKE_SA_INIT, and notifies outside of an IKE_SA.
    package static func clear(_ header: IKEHeader, _ payloads: [Payload]) throws(WireFault) -> [UInt8] {
        let (first, bytes) = try PayloadChain.encode(payloads)
        var writer = WireWriter()
        try header.write(to: &writer, nextPayload: first, length: IKEHeader.length + bytes.count)
        writer.bytes(bytes)
        return writer.octets
    }

    /// A message that ends with an Encrypted payload (RFC 7296 §3.14).
    ///
    /// It protects `payloads`, which may be empty; `clearPayloads` stand before the Encrypted payload.
    package static func protected(
        _ header: IKEHeader, _ payloads: [Payload], clearPayloads: [Payload] = [], sizes: ProtectionSizes,
        seal: Seal
    ) throws(SealingFault) -> [UInt8] {
        let chain = try SealingFault.wire { () throws(WireFault) in try PayloadChain.encode(payloads) }
        let frame = Frame(header: header, clearPayloads: clearPayloads, firstInner: chain.first, sizes: sizes)
        return try frame.message(text: chain.bytes[...], seal: seal)
    }

    /// Fragment `number`, from 1 to `total`, of a message (RFC 7383 §2.5).
    ///
    /// `chunk` is this fragment's part of the encoded payloads, the first of which has the type
    /// `firstInner`; that stands in fragment 1, zero in the others.
    package static func fragment(
        _ header: IKEHeader, firstInner: PayloadType, number: UInt16, total: UInt16, chunk: ArraySlice<UInt8>,
        sizes: ProtectionSizes, seal: Seal
    ) throws(SealingFault) -> [UInt8] {
        guard number >= 1, number <= total else {
            throw .wire(.badValue(field: "fragment number", value: UInt64(number)))
        }
        let frame = Frame(
            header: header, firstInner: number == 1 ? firstInner : .none, fragment: (number, total),
            sizes: sizes)
        return try frame.message(text: chunk, seal: seal)
    }

    /// A protected message in as many datagrams as it needs: itself if it has no more than `maximumOctets`,
    /// else its fragments in order (RFC 7383 §2.5.1).
    ///
    /// `maximumOctets` is a length of IKE messages: without non-ESP marker, UDP and IP headers.
    package static func datagrams(
        _ header: IKEHeader, _ payloads: [Payload], maximumOctets: Int, sizes: ProtectionSizes, seal: Seal
    ) throws(SealingFault) -> [[UInt8]] {
        let chain = try SealingFault.wire { () throws(WireFault) in try PayloadChain.encode(payloads) }
        guard sizes.textCapacity(messageOctets: maximumOctets, isFragment: false) < chain.bytes.count else {
            let frame = Frame(header: header, firstInner: chain.first, sizes: sizes)
            return [try frame.message(text: chain.bytes[...], seal: seal)]
        }
        let capacity = sizes.textCapacity(messageOctets: maximumOctets, isFragment: true)
        guard capacity > 0 else {
            throw .wire(.tooLong(field: "fragment", limit: maximumOctets, have: maximumOctets - capacity + 1))
        }
        let (full, remainder) = chain.bytes.count.quotientAndRemainder(dividingBy: capacity)
        guard let total = UInt16(exactly: remainder == 0 ? full : full + 1) else {
            throw .wire(.tooMany(field: "fragments", limit: Int(UInt16.max)))
        }
        var datagrams: [[UInt8]] = []
        var rest = chain.bytes[...]
        for number in stride(from: 1, through: total, by: 1) {
            let chunk = rest.prefix(capacity)
            datagrams.append(
                try self.fragment(
                    header, firstInner: chain.first, number: number, total: total, chunk: chunk, sizes: sizes,
                    seal: seal))
            rest = rest.dropFirst(capacity)
        }
        return datagrams
    }
}

/// The lengths of an IKE_SA's cipher that shape its messages.
package struct ProtectionSizes: Hashable, Sendable {
    /// Octets of the IV.
    package let ivLength: Int
    /// Octets of the ICV.
    package let icvLength: Int
    /// The padded text is a multiple of this: 1 to 256.
    package let blockSize: Int

    /// Sizes; a block size outside of 1 to 256 becomes the nearest of them.
    package init(ivLength: Int, icvLength: Int, blockSize: Int) {
        self.ivLength = ivLength
        self.icvLength = icvLength
        self.blockSize = min(max(blockSize, 1), 256)
    }

    /// The sizes of `aead`.
    package init(_ aead: some AEAD) {
        self.init(ivLength: aead.ivLength, icvLength: aead.icvLength, blockSize: aead.blockSize)
    }

    /// Octets of payloads that a message of at most `messageOctets` can protect; below 1 if there is no room.
    func textCapacity(messageOctets: Int, isFragment: Bool) -> Int {
        let overhead = IKEHeader.length + (isFragment ? 8 : 4) + self.ivLength + self.icvLength
        let room = messageOctets - overhead
        return room - room % self.blockSize - 1
    }
}

/// Why a protected message could not be made.
package enum SealingFault: Error, Hashable, Sendable {
    /// It does not fit into the format.
    case wire(WireFault)
    /// The cipher failed.
    case crypto(CryptoFault)

    /// Runs `body` and turns its fault into a `SealingFault`.
    fileprivate static func wire<Value>(
        _ body: () throws(WireFault) -> Value
    ) throws(SealingFault) -> Value {
        do { return try body() } catch { throw .wire(error) }
    }
}

/// All of a protected message but its text.
private struct Frame {
    let header: IKEHeader
    var clearPayloads: [Payload] = []
    let firstInner: PayloadType
    var fragment: (number: UInt16, total: UInt16)?
    let sizes: ProtectionSizes

    func message(text: ArraySlice<UInt8>, seal: IKEMessageEncoder.Seal) throws(SealingFault) -> [UInt8] {
        let padded = EncryptedText.pad(text, blockSize: self.sizes.blockSize)
        let content = self.sizes.ivLength + padded.count + self.sizes.icvLength
        let head = try SealingFault.wire { () throws(WireFault) in try self.head(contentLength: content) }
        let iv: [UInt8]
        let sealed: [UInt8]
        do { (iv, sealed) = try seal(padded, head[...]) } catch { throw .crypto(error) }
        // The lengths stand in the head already: a cipher that breaks its promise must not make a message.
        guard iv.count == self.sizes.ivLength else {
            throw .crypto(.wrongLength(what: "IV", need: self.sizes.ivLength, have: iv.count))
        }
        guard sealed.count == content - iv.count else {
            throw .crypto(
                .wrongLength(what: "ciphertext and ICV", need: content - iv.count, have: sealed.count))
        }
        return head + iv + sealed
    }

    /// The octets before the IV.
    private func head(contentLength: Int) throws(WireFault) -> [UInt8] {
        let type: PayloadType = self.fragment == nil ? .encrypted : .encryptedFragment
        let clear = try PayloadChain.encode(self.clearPayloads, followedBy: type)
        let headerLength = self.fragment == nil ? 4 : 8
        let total = IKEHeader.length + clear.bytes.count + headerLength + contentLength
        var writer = WireWriter()
        try self.header.write(to: &writer, nextPayload: clear.first, length: total)
        writer.bytes(clear.bytes)
        writer.integer(self.firstInner.rawValue)
        writer.reserved(1)
        guard let length = UInt16(exactly: headerLength + contentLength) else {
            throw .tooLong(field: type.name, limit: Int(UInt16.max), have: headerLength + contentLength)
        }
        writer.integer(length)
        if let fragment = self.fragment {
            writer.integer(fragment.number)
            writer.integer(fragment.total)
        }
        return writer.octets
    }
}
