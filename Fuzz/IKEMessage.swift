// modules: IKEWire IPsecModel CSecureMemory
//
// The decoder of IKE messages, payload chains and datagrams on UDP 4500. The same file is compiled into
// IKEWireTests, which replay Fuzz/Corpus/IKEMessage and Fuzz/Regressions/IKEMessage.

import IKEWire
import IPsecModel

/// Runs `octets` through each decoder. Returns which law of the codec they break, or nil.
///
/// As a chain, the first octet is the type of the first payload.
func ikeMessageViolation(_ octets: [UInt8]) -> String? {
    if let message = try? DecodedMessage.decode(octets) {
        if message.octets != octets { return "the octets received are not kept" }
        if let violation = protectionViolation(message) { return violation }
        if let violation = messageViolation(message) { return violation }
    }
    if let first = octets.first {
        let type = PayloadType(rawValue: first)
        if let chain = try? PayloadChain.decode(first: type, octets.dropFirst()) {
            if let violation = chainViolation(chain.payloads) { return violation }
        }
    }
    _ = try? EncryptedText.unpad(octets)
    guard case .ike(let message) = NATTraversalDatagram.classify(octets[...]) else { return nil }
    return NonESPMarker.add(to: Array(message)) == octets ? nil : "a marker is not what was stripped"
}

/// decode(encode(m)) == m for the payloads in clear.
private func messageViolation(_ message: DecodedMessage) -> String? {
    guard let again = try? IKEMessageEncoder.clear(message.header, message.payloads) else {
        return "a message that was decoded cannot be encoded"
    }
    guard let decoded = try? DecodedMessage.decode(again) else {
        return "a message that was encoded cannot be decoded"
    }
    guard decoded.header == message.header, decoded.payloads == message.payloads,
        decoded.unsupportedCriticalPayload == message.unsupportedCriticalPayload, decoded.protection == .none
    else { return "decoding what was encoded gives another message" }
    return nil
}

/// decode(encode(p)) == p, and encoding is stable.
private func chainViolation(_ payloads: [Payload]) -> String? {
    guard let again = try? PayloadChain.encode(payloads) else {
        return "payloads that were decoded cannot be encoded"
    }
    guard let decoded = try? PayloadChain.decode(first: again.first, again.bytes[...]) else {
        return "payloads that were encoded cannot be decoded"
    }
    guard decoded.payloads == payloads else { return "decoding what was encoded gives other payloads" }
    guard let third = try? PayloadChain.encode(decoded.payloads), third == again else {
        return "encoding twice gives other octets"
    }
    return nil
}

/// Associated data and content are the message, and IV and ciphertext are the content.
private func protectionViolation(_ message: DecodedMessage) -> String? {
    let body: EncryptedBody
    switch message.protection {
    case .none: return nil
    case .encrypted(let encrypted): body = encrypted
    case .fragment(let fragment):
        if fragment.number < 1 || fragment.number > fragment.total { return "a fragment number out of range" }
        body = fragment.body
    }
    if body.associatedData + body.content != message.octets[...] { return "protected octets are missing" }
    guard let parts = try? body.parts(ivLength: 8, icvLength: 16) else { return nil }
    if parts.iv + parts.sealed != body.content { return "IV and ciphertext are not the content" }
    return nil
}

// The tests link several targets into one program, which can have only one entry point for the fuzzer.
#if FUZZING
    /// libFuzzer's entry.
    @_cdecl("LLVMFuzzerTestOneInput")
    func fuzzIKEMessage(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        // SAFETY: libFuzzer lends `count` octets at `start` for the length of this call; they are copied.
        let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        if let violation = ikeMessageViolation(octets) { fatalError(violation) }
        return 0
    }
#endif
