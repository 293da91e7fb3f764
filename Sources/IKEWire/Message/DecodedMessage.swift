/// An IKE message whose shape is right. Nothing about it is authenticated.
package struct DecodedMessage: Hashable, Sendable {
    /// How the message protects payloads.
    package enum Protection: Hashable, Sendable {
        /// Not at all: IKE_SA_INIT, and notifies outside of an IKE_SA.
        case none
        /// By an Encrypted payload (RFC 7296 §3.14).
        case encrypted(EncryptedBody)
        /// By an Encrypted Fragment payload (RFC 7383 §2.5).
        case fragment(FragmentBody)
    }

    /// The header.
    package let header: IKEHeader
    /// The payloads in clear, in the sender's order; with a protection, nothing to be trusted.
    package let payloads: [Payload]
    /// The protected rest.
    package let protection: Protection
    /// The message as received: AUTH covers these octets (RFC 7296 §2.15).
    package let octets: [UInt8]
    /// The first payload in clear that is unknown and critical (RFC 7296 §2.5), or nil.
    package let unsupportedCriticalPayload: PayloadType?
}

/// SK as received (RFC 7296 §3.14): everything needed to open it.
package struct EncryptedBody: Hashable, Sendable {
    /// The type of the first payload inside; `.none` if there is none.
    package let firstInnerPayload: PayloadType
    /// From the first octet of the header to the last one before the IV: associated data of combined modes
    /// (RFC 5282 §5.1). With a separate integrity algorithm the ICV covers these and `content` up to the ICV.
    package let associatedData: ArraySlice<UInt8>
    /// IV, ciphertext and ICV.
    package let content: ArraySlice<UInt8>

    /// Octets of the associated data.
    package var aadLength: Int { self.associatedData.count }

    /// The IV, and ciphertext with ICV behind it, for an algorithm with these lengths.
    package func parts(
        ivLength: Int, icvLength: Int
    ) throws(WireFault) -> (iv: ArraySlice<UInt8>, sealed: ArraySlice<UInt8>) {
        var reader = WireReader(self.content)
        let iv = try reader.bytes(ivLength, "IV")
        // At least the pad length is encrypted.
        guard reader.count > icvLength else {
            throw .truncated(field: "ciphertext and ICV", need: icvLength + 1, have: reader.count)
        }
        return (iv, reader.rest())
    }
}

/// SKF as received (RFC 7383 §2.5). Its first inner payload has a meaning in the first fragment only.
package struct FragmentBody: Hashable, Sendable {
    /// Which fragment this is, from 1 to `total`.
    package let number: UInt16
    /// How many fragments the message has.
    package let total: UInt16
    /// What is protected; number and total are in its associated data.
    package let body: EncryptedBody
}

extension DecodedMessage {
    /// Decodes one datagram, without a non-ESP marker.
    ///
    /// `octets` are the message and nothing else: a length field that says otherwise is a fault, as is every
    /// wrong shape and another major version. An unknown critical payload is no fault.
    package static func decode(_ octets: [UInt8]) throws(WireFault) -> DecodedMessage {
        guard octets.count <= WireLimits.messageOctets else {
            throw .tooLong(field: "message", limit: WireLimits.messageOctets, have: octets.count)
        }
        var reader = WireReader(octets[...])
        let (header, first, length) = try IKEHeader.read(from: &reader)
        guard header.majorVersion == 2 else {
            throw .badValue(field: "major version", value: UInt64(header.majorVersion))
        }
        guard length >= IKEHeader.length else {
            throw .badValue(field: "message length", value: UInt64(length))
        }
        var body = try reader.sub(Int(length) - IKEHeader.length, "message")
        try reader.finish("message")

        var chain = ChainDecoder(first: first)
        try chain.readPayloads(from: &body)
        let protection = try Self.protection(chain.next, rest: &body, of: octets)
        try body.finish("payloads")
        return DecodedMessage(
            header: header, payloads: chain.payloads, protection: protection, octets: octets,
            unsupportedCriticalPayload: chain.unsupportedCritical)
    }

    /// Reads the payload of `type` that protects the rest of a message, if it is one.
    private static func protection(
        _ type: PayloadType, rest: inout WireReader, of octets: [UInt8]
    ) throws(WireFault) -> Protection {
        guard type == .encrypted || type == .encryptedFragment else { return .none }
        var (inner, _, content) = try rest.payload(type)
        let fragment = type == .encrypted ? nil : try Self.fragmentNumbers(from: &content)
        let body = EncryptedBody(
            firstInnerPayload: inner, associatedData: octets.dropLast(content.count + rest.count),
            content: content.rest())
        guard let (number, total) = fragment else { return .encrypted(body) }
        return .fragment(FragmentBody(number: number, total: total, body: body))
    }

    private static func fragmentNumbers(
        from content: inout WireReader
    ) throws(WireFault) -> (number: UInt16, total: UInt16) {
        let number: UInt16 = try content.integer("fragment number")
        let total: UInt16 = try content.integer("total fragments")
        guard number >= 1, number <= total else {
            throw .badValue(field: "fragment number", value: UInt64(number))
        }
        return (number, total)
    }
}
