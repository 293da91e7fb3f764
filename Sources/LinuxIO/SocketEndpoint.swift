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
        let length = self.family == 6 ? 16 : 4
        guard self.family == 4 || self.family == 6 else { return nil }
        // SAFETY: the view spans the 16 bytes of `address`, and the copy ends before it does.
        let bytes = unsafe withUnsafeBytes(of: self.address) { unsafe Array($0.prefix(length)) }
        return IPAddress(bytes: bytes).map { Endpoint($0, self.port) }
    }
}

extension AddressFamily {
    /// 4 or 6, as the C functions want it.
    var number: UInt8 { self == .v6 ? 6 : 4 }
}
