internal import IPsecModel
internal import Netlink

// Netlink, spoken with XFRM's own numbers.

extension NetlinkRequest {
    /// A request with an empty payload.
    convenience init(_ type: XFRMMessageType, flags: Flags = .acknowledge) {
        self.init(type: type, flags: flags)
    }

    /// Appends an attribute whose content `fill` appends.
    func attribute(_ type: XFRMAttribute, _ fill: (NetlinkRequest) -> Void) {
        self.attribute(number: type.rawValue, fill)
    }

    /// Appends `xfrm_address_t`: 16 bytes, of which IPv4 uses the first four.
    func append(address: IPAddress) {
        let bytes = address.bytes
        self.append(bytes: bytes)
        self.appendZeros(16 - bytes.count)
    }
}

extension NetlinkAttributes {
    /// The content of an attribute, or nil if it is absent.
    subscript(attribute: XFRMAttribute) -> ArraySlice<UInt8>? { self[number: attribute.rawValue] }
}

extension NetlinkSocket {
    /// What `read` makes of the messages with which the kernel lists a whole table.
    func list<Value>(
        _ type: XFRMMessageType, _ read: (NetlinkMessage) throws(MalformedMessage) -> Value?
    ) throws(KernelFault) -> [Value] {
        try self.list(NetlinkRequest(type, flags: .dump), read)
    }
}

extension KernelReader {
    /// An SPI.
    mutating func spi(_ field: String) throws(MalformedMessage) -> ESPSPI {
        ESPSPI(try self.bytes(4, field).reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// `xfrm_address_t`, still without its family.
    mutating func address(_ field: String) throws(MalformedMessage) -> ArraySlice<UInt8> {
        try self.bytes(16, field)
    }
}

extension IPAddress {
    /// The address of `family` in the 16 bytes of an `xfrm_address_t`.
    init(_ bytes: ArraySlice<UInt8>, family: AddressFamily, _ field: String) throws(MalformedMessage) {
        guard let address = IPAddress(bytes: bytes.prefix(family == .v6 ? 16 : 4)) else {
            throw MalformedMessage(field: field)
        }
        self = address
    }
}
