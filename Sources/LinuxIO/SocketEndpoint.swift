internal import CLinux
internal import IPsecModel

extension lx_endpoint {
    /// The C form of `endpoint`.
    init(_ endpoint: Endpoint) {
        self.init()
        self.port = endpoint.port
        self.family = endpoint.address.family.number
        let bytes = endpoint.address.bytes
        // SAFETY: the view spans the 16 bytes of `address`; an address has at most 16.
        unsafe withUnsafeMutableBytes(of: &self.address) { unsafe $0.copyBytes(from: bytes) }
    }

    /// The Swift form, or nil if the kernel gave no address.
    var endpoint: Endpoint? {
        // Without an array in between: this is done for each packet.
        let octets = self.address
        switch self.family {
        case 4:
            return Endpoint(.v4(IPv4Address(octets.0, octets.1, octets.2, octets.3)), self.port)
        case 6:
            // SAFETY: the view spans the 16 bytes of `octets`.
            let bits = unsafe withUnsafeBytes(of: octets) { bytes in
                unsafe UInt128(UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))) << 64
                    | UInt128(UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
            }
            return Endpoint(.v6(IPv6Address(bits: bits)), self.port)
        default: return nil
        }
    }
}

extension AddressFamily {
    /// 4 or 6, as the C functions want it.
    var number: UInt8 { self == .v6 ? 6 : 4 }
}
