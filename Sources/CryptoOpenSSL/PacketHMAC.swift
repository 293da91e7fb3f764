internal import COpenSSL
internal import IPsecModel

/// The ICVs of packets by HMAC-SHA2, cut to half the digest (RFC 4868 §2.1). Allocates nothing per packet.
protocol PacketHMAC: AnyObject {
    /// Bytes of an ICV.
    var icvLength: Int { get }

    /// The ICV of the bytes `range` of `memory` and, if there is one, `suffix` in network byte order behind them. What is
    /// behind `icvLength` bytes of the result means nothing.
    func icv(_ range: Range<Int>, of memory: Span<UInt8>, suffix: UInt32?) -> InlineArray<64, UInt8>
}

/// HMAC (RFC 2104) with one key, whose pads are hashed once.
final class KeyedHMAC<Hash: SHA2State>: PacketHMAC {
    // What is left of the key, and wiped in `deinit`: the states after the inner and the outer pad, and the one in work.
    private var inner = Hash()
    private var outer = Hash()
    private var work = Hash()

    let icvLength = Hash.digestLength / 2

    /// `key` must have the digest's length (RFC 4868 §2.1.1).
    init(key: SecretBytes) throws(CryptoFault) {
        guard key.count == Hash.digestLength else {
            throw .wrongLength(what: "integrity key", need: Hash.digestLength, have: key.count)
        }
        Self.absorb(key, xor: 0x36, into: &self.inner)
        Self.absorb(key, xor: 0x5c, into: &self.outer)
    }

    deinit {
        Self.wipe(&self.inner)
        Self.wipe(&self.outer)
        Self.wipe(&self.work)
    }

    func icv(_ range: Range<Int>, of memory: Span<UInt8>, suffix: UInt32?) -> InlineArray<64, UInt8> {
        self.work = self.inner
        // SAFETY: the slice is lent for the call.
        unsafe memory.extracting(range).withUnsafeBytes { bytes in
            unsafe self.work.update(bytes.baseAddress, bytes.count)
        }
        if let suffix {
            // SAFETY: the number is lent for the call.
            unsafe withUnsafeBytes(of: suffix.bigEndian) { bytes in
                unsafe self.work.update(bytes.baseAddress, bytes.count)
            }
        }
        var digest = InlineArray<64, UInt8>(repeating: 0)
        var span = digest.mutableSpan
        // SAFETY: there is room for the longest digest.
        unsafe span.withUnsafeMutableBufferPointer { digest in
            guard let start = digest.baseAddress else { return }
            unsafe self.work.finish(start)
            self.work = self.outer
            unsafe self.work.update(start, Hash.digestLength)
            unsafe self.work.finish(start)
        }
        return digest
    }

    /// The key, filled up with zeros to a block, each byte of it xor `pad`.
    private static func absorb(_ key: SecretBytes, xor pad: UInt8, into state: inout Hash) {
        let block = SecretBytes(count: Hash.blockLength) { block in
            key.withBytes { key in
                for index in 0..<block.count { block[index] = (index < key.count ? key[index] : 0) ^ pad }
            }
        }
        block.withBytes { bytes in
            // SAFETY: the block is lent for the call.
            unsafe bytes.withUnsafeBytes { unsafe state.update($0.baseAddress, $0.count) }
        }
    }

    private static func wipe(_ state: inout Hash) {
        // SAFETY: a state is a plain value, and any bytes are one.
        unsafe withUnsafeMutableBytes(of: &state) { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    }
}

extension HashFunction {
    /// HMAC for packets with `key`.
    func packetHMAC(key: SecretBytes) throws(CryptoFault) -> any PacketHMAC {
        switch self {
        case .sha256: return try KeyedHMAC<SHA256State>(key: key)
        case .sha384: return try KeyedHMAC<SHA384State>(key: key)
        case .sha512: return try KeyedHMAC<SHA512State>(key: key)
        }
    }
}
