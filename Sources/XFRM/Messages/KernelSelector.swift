internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// A port and the bits of it that count.
struct MaskedPort: Hashable {
    let value: UInt16
    let mask: UInt16

    /// All ports.
    static let any = MaskedPort(value: 0, mask: 0)
}

/// `struct xfrm_selector`: inner packets by addresses, protocol and ports.
struct KernelSelector: Hashable, CustomStringConvertible {
    let source: IPPrefix
    let destination: IPPrefix
    var ipProtocol: UInt8 = 0
    var sourcePort = MaskedPort.any
    var destinationPort = MaskedPort.any

    var description: String {
        let ports = [self.sourcePort, self.destinationPort].map { port in
            port == .any ? "*" : "\(port.value)/\(String(port.mask, radix: 16))"
        }
        let limits =
            self.ipProtocol == 0 ? "" : " protocol \(self.ipProtocol) ports \(ports[0]) to \(ports[1])"
        return "\(self.source) to \(self.destination)\(limits)"
    }

    /// Bytes of the structure: addresses 32, ports 8, family 2, lengths 2, protocol 1, padding 3, interface and
    /// user 8.
    static let length = 56

    /// Appends the structure.
    func append(to request: NetlinkRequest) {
        request.append(address: self.destination.address)
        request.append(address: self.source.address)
        for port in [self.destinationPort, self.sourcePort] {
            request.append(bigEndian: port.value)
            request.append(bigEndian: port.mask)
        }
        request.append(native: self.source.address.family.systemNumber)
        request.append(bytes: [UInt8(clamping: self.destination.length), UInt8(clamping: self.source.length)])
        request.append(bytes: [self.ipProtocol])
        request.appendZeros(11)
    }

    /// Reads the structure; nil if it has no family, as the selector of a state may.
    static func read(_ reader: inout KernelReader) throws(MalformedMessage) -> KernelSelector? {
        let destination = try reader.address("sel.daddr")
        let source = try reader.address("sel.saddr")
        let destinationPort = MaskedPort(
            value: try reader.port("sel.dport"), mask: try reader.port("sel.dport_mask"))
        let sourcePort = MaskedPort(
            value: try reader.port("sel.sport"), mask: try reader.port("sel.sport_mask"))
        let family = AddressFamily(systemNumber: try reader.native("sel.family"))
        let destinationLength = Int(try reader.native("sel.prefixlen_d", as: UInt8.self))
        let sourceLength = Int(try reader.native("sel.prefixlen_s", as: UInt8.self))
        let ipProtocol = try reader.native("sel.proto", as: UInt8.self)
        _ = try reader.bytes(11, "sel")
        guard let family else { return nil }
        let sourceAddress = try IPAddress(source, family: family, "sel.saddr")
        let destinationAddress = try IPAddress(destination, family: family, "sel.daddr")
        guard let sourcePrefix = IPPrefix(sourceAddress, length: sourceLength),
            let destinationPrefix = IPPrefix(destinationAddress, length: destinationLength)
        else { throw MalformedMessage(field: "sel.prefixlen") }
        return KernelSelector(
            source: sourcePrefix, destination: destinationPrefix, ipProtocol: ipProtocol,
            sourcePort: sourcePort, destinationPort: destinationPort)
    }

    /// One side as a traffic selector: ICMP's type and code stand in the kernel's two port fields, the rest of
    /// the protocols have one port at each end.
    func trafficSelector(ofSource: Bool) -> TrafficSelector {
        let prefix = ofSource ? self.source : self.destination
        let port = ofSource ? self.sourcePort : self.destinationPort
        let ports: PortSelector
        if Self.isICMP(self.ipProtocol), self.sourcePort.mask == 0xffff, self.destinationPort.mask == 0xffff {
            let number = self.sourcePort.value << 8 | self.destinationPort.value & 0xff
            ports = .range(number...number)
        } else if !Self.isICMP(self.ipProtocol), port.mask == 0xffff {
            ports = .range(port.value...port.value)
        } else {
            ports = .any
        }
        return TrafficSelector(
            ipProtocol: self.ipProtocol, ports: ports, addresses: AddressRange(prefix))
    }

    /// ICMP or ICMPv6.
    static func isICMP(_ ipProtocol: UInt8) -> Bool { ipProtocol == 1 || ipProtocol == 58 }
}
