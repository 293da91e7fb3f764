internal import COpenSSL
internal import IPsecModel

extension CryptoFault {
    /// The failure of `operation`, with what the library says of it; empties this thread's error queue.
    static func library(_ operation: String) -> CryptoFault {
        .library(operation: operation, text: drainErrorQueue().joined(separator: "; "))
    }
}

/// Takes all errors off this thread's queue, the oldest first.
///
/// Every failed call must end here, or the next failure would be blamed for this one.
@discardableResult func drainErrorQueue() -> [String] {
    var texts: [String] = []
    // The queue is a ring of ERR_NUM_ERRORS entries, so this ends.
    while true {
        let code = ERR_get_error()
        guard code != 0 else { return texts }
        texts.append(errorText(code))
    }
}

private func errorText(_ code: UInt) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    // SAFETY: the library writes at most `count` bytes, zero included, into the array that we lend.
    unsafe buffer.withUnsafeMutableBufferPointer { text in
        unsafe ERR_error_string_n(code, text.baseAddress, text.count)
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
