package import IPsecModel

extension IKESPI {
    /// The SPI of 8 octets in network order, or nil if there are not 8.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 8 else { return nil }
        self.init(bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension ESPSPI {
    /// The SPI of 4 octets in network order, or nil if there are not 4.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 else { return nil }
        self.init(bytes.reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// The SPI in `bytes` if `protocolID` is ESP or AH.
    init?(protocolID: SecurityProtocol, bytes: [UInt8]) {
        guard protocolID == .esp || protocolID == .ah else { return nil }
        self.init(bytes: bytes)
    }
}
