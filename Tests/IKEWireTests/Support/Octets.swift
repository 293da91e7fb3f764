import IKEWire
import IPsecModel
import Testing

/// Octets written as hexadecimal digits; anything else, such as spaces and line ends, is there to be read.
func octets(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

/// A payload chain of one payload with the body `hex`.
func decodeOne(_ type: PayloadType, body hex: String) throws(WireFault) -> Payload? {
    let body = octets(hex)
    let length = UInt16(body.count + 4)
    let chain = [0, 0, UInt8(length >> 8), UInt8(length & 0xff)] + body
    return try PayloadChain.decode(first: type, chain[...]).payloads.first
}

/// What `body` throws.
func fault(_ body: () throws(WireFault) -> some Any) -> WireFault? {
    do {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// Encodes one payload and expects its body, without the generic header, to be `hex`.
func expectBody(
    of payload: Payload, is hex: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let (first, bytes) = try PayloadChain.encode([payload])
    #expect(first == payload.type, sourceLocation: sourceLocation)
    #expect(Array(bytes.dropFirst(4)) == octets(hex), sourceLocation: sourceLocation)
    #expect(bytes.prefix(2) == [0, 0], sourceLocation: sourceLocation)
}

/// A header as an original initiator sends it.
let requestHeader = IKEHeader(
    initiatorSPI: IKESPI(0x0102_0304_0506_0708), responderSPI: .zero, exchange: .ikeSAInit, flags: .initiator,
    messageID: 0)

/// The 28 octets of `requestHeader` for a message of `length` octets that begins with `next`.
func requestHeaderOctets(next: PayloadType, length: Int) -> [UInt8] {
    octets("0102030405060708 0000000000000000") + [next.rawValue, 0x20, 34, 0x08, 0, 0, 0, 0]
        + networkOrder(UInt32(length))
}

private func networkOrder(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
}
