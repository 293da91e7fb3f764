/// The text of an Encrypted payload before encryption: payloads, padding, pad length (RFC 7296 §3.14).
package enum EncryptedText {
    /// The payloads of a decrypted `text`; padding may hold anything.
    ///
    /// - Throws: `.truncated` if the text is empty or shorter than its padding.
    package static func unpad(_ text: [UInt8]) throws(WireFault) -> ArraySlice<UInt8> {
        guard let padLength = text.last else { throw .truncated(field: "pad length", need: 1, have: 0) }
        let tail = Int(padLength) + 1
        guard tail <= text.count else { throw .truncated(field: "padding", need: tail, have: text.count) }
        return text.dropLast(tail)
    }

    /// `payloads` with the shortest padding that makes the text a multiple of `blockSize`, 1 to 256.
    static func pad(_ payloads: ArraySlice<UInt8>, blockSize: Int) -> [UInt8] {
        let excess = (payloads.count + 1) % blockSize
        let padLength = excess == 0 ? 0 : blockSize - excess
        return payloads + [UInt8](repeating: 0, count: padLength) + [UInt8(truncatingIfNeeded: padLength)]
    }
}
