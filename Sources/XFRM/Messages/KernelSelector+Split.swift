internal import IPsecModel

extension KernelSelector {
    /// The kernel's selectors for inner packets from `source` to `destination`; none if they have nothing in
    /// common, such as the family. Nil if it would take more than `limit`.
    ///
    /// The kernel knows prefixes and masked ports only, so ranges are split into aligned blocks.
    static func selectors(
        from source: TrafficSelector, to destination: TrafficSelector, atMost limit: Int
    ) -> [KernelSelector]? {
        guard source.addresses.first.family == destination.addresses.first.family else { return [] }
        guard
            source.ipProtocol == destination.ipProtocol || min(source.ipProtocol, destination.ipProtocol) == 0
        else { return [] }
        let ipProtocol = max(source.ipProtocol, destination.ipProtocol)
        guard let sources = source.addresses.prefixes(atMost: limit),
            let destinations = destination.addresses.prefixes(atMost: limit),
            let ports = Self.ports(source.ports, destination.ports, ipProtocol, atMost: limit)
        else { return nil }
        // Each factor is at most `limit`, so the product cannot overflow.
        guard sources.count * destinations.count * ports.count <= limit else { return nil }
        return sources.flatMap { source in
            destinations.flatMap { destination in
                ports.map { pair in
                    KernelSelector(
                        source: source, destination: destination, ipProtocol: ipProtocol,
                        sourcePort: pair.source, destinationPort: pair.destination)
                }
            }
        }
    }

    private typealias PortPair = (source: MaskedPort, destination: MaskedPort)

    private static func ports(
        _ source: PortSelector, _ destination: PortSelector, _ ipProtocol: UInt8, atMost limit: Int
    ) -> [PortPair]? {
        guard Self.isICMP(ipProtocol) else {
            guard let sources = Self.maskedPorts(source, atMost: limit),
                let destinations = Self.maskedPorts(destination, atMost: limit),
                sources.count * destinations.count <= limit
            else { return nil }
            return sources.flatMap { source in destinations.map { (source, $0) } }
        }
        // RFC 7296 §3.13.1: both selectors hold type × 256 + code. The kernel has the type in the source port
        // and the code in the destination port.
        guard let both = source.intersection(destination) else { return [] }
        return Self.maskedPorts(both, atMost: limit)?.map { port in
            (
                MaskedPort(value: port.value >> 8, mask: Self.octetMask(port.mask >> 8)),
                MaskedPort(value: port.value & 0xff, mask: Self.octetMask(port.mask & 0xff))
            )
        }
    }

    /// An octet in a field of 16 bits: if all of it counts, so does the rest, which is zero.
    private static func octetMask(_ mask: UInt16) -> UInt16 { mask == 0xff ? 0xffff : mask }

    private static func maskedPorts(_ ports: PortSelector, atMost limit: Int) -> [MaskedPort]? {
        switch ports {
        case .any: return [.any]
        // Packets without a port have zero where the kernel looks for one.
        case .opaque: return [MaskedPort(value: 0, mask: 0xffff)]
        case .range(let range):
            let blocks = AlignedBlock.covering(
                UInt128(range.lowerBound), UInt128(range.upperBound), width: 16, atMost: limit)
            return blocks?.map { block in
                MaskedPort(
                    value: UInt16(truncatingIfNeeded: block.start),
                    mask: block.bits >= 16 ? 0 : UInt16.max << UInt16(block.bits))
            }
        }
    }
}
