import IKEWire
import IPsecModel

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) { self.state = UInt64(bitPattern: Int64(seed)) }

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var z = self.state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Makes messages that the format allows, whether they make sense or not.
struct MessageGenerator {
    private var random: SeededRandom

    init(seed: Int) { self.random = SeededRandom(seed: seed) }

    mutating func header() -> IKEHeader {
        IKEHeader(
            initiatorSPI: IKESPI(self.random.next()), responderSPI: IKESPI(self.random.next()),
            exchange: ExchangeType(rawValue: self.byte()), flags: IKEFlags(rawValue: self.byte()),
            messageID: UInt32.random(in: .min ... .max, using: &self.random),
            minorVersion: UInt8.random(in: 0...15, using: &self.random))
    }

    mutating func payloads(_ counts: ClosedRange<Int> = 0...8) -> [Payload] {
        (0..<self.number(counts)).map { _ in self.payload() }
    }

    mutating func bytes(_ counts: ClosedRange<Int>) -> [UInt8] {
        (0..<self.number(counts)).map { _ in self.byte() }
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self.random) }

    private mutating func byte() -> UInt8 { UInt8.random(in: .min ... .max, using: &self.random) }

    private mutating func short() -> UInt16 { UInt16.random(in: .min ... .max, using: &self.random) }

    private mutating func payload() -> Payload {
        switch self.number(0...15) {
        case 0:
            return .securityAssociation(
                .init(proposals: (0..<self.number(0...3)).map { _ in self.proposal() }))
        case 1: return .keyExchange(.init(method: .init(rawValue: self.short()), data: self.bytes(0...96)))
        case 2: return .idInitiator(.init(identity: self.identity()))
        case 3: return .idResponder(.init(identity: self.identity()))
        case 4: return .certificate(.init(encoding: .init(rawValue: self.byte()), data: self.bytes(0...99)))
        case 5:
            return .certificateRequest(
                .init(encoding: .init(rawValue: self.byte()), authority: self.bytes(0...60)))
        case 6: return .authentication(.init(method: .init(rawValue: self.byte()), data: self.bytes(0...64)))
        case 7: return .nonce(.init(nonce: self.bytes(NoncePayload.lengths)))
        case 8: return .notify(self.notify())
        case 9: return .delete(self.delete())
        case 10: return .vendorID(.init(vendorID: self.bytes(0...20)))
        case 11: return .tsInitiator(self.selectors())
        case 12: return .tsResponder(self.selectors())
        case 13: return .configuration(self.configuration())
        case 14: return .eap(.init(message: self.bytes(0...40)))
        default:
            // 49 to 52 and from 54 on nothing is known here.
            let types = Array(1...32) + Array(49...52) + Array(54...255)
            let type = UInt8(types[self.number(0...types.count - 1)])
            return .unknown(
                RawPayload(
                    type: .init(rawValue: type), isCritical: self.byte() < 128, body: self.bytes(0...30)))
        }
    }

    private mutating func proposal() -> ProposalSubstructure {
        let forms: [(SecurityProtocol, Int)] = [
            (.ike, 0), (.ike, 8), (.esp, 4), (.ah, 4), (.init(rawValue: 77), 5),
        ]
        let (protocolID, spiLength) = forms[self.number(0...forms.count - 1)]
        let transforms = (0..<self.number(0...6)).map { _ in self.transform() }
        return ProposalSubstructure(
            number: self.byte(), protocolID: protocolID, spi: self.bytes(spiLength...spiLength),
            transformSubstructures: transforms)
    }

    private mutating func transform() -> TransformSubstructure {
        let keyLength = self.byte() < 128 ? self.short() : nil
        let attributes = (0..<self.number(0...3)).map { _ in
            // Never Key Length as type/value, which would be the key length if there is none yet.
            let type = UInt16(self.number(15...0x7fff))
            return self.byte() < 128
                ? TransformAttribute(type: type, value: .short(self.short()))
                : TransformAttribute(type: type, value: .long(self.bytes(0...9)))
        }
        let transform = Transform(
            type: .init(rawValue: self.byte()), id: self.short(), keyLength: keyLength)
        return TransformSubstructure(transform, unknownAttributes: attributes)
    }

    private mutating func identity() -> Identity {
        switch self.number(0...2) {
        case 0: return Identity(self.address(.v4))
        case 1: return Identity(self.address(.v6))
        default: return Identity(type: .init(rawValue: UInt8(self.number(9...255))), data: self.bytes(0...40))
        }
    }

    private mutating func notify() -> NotifyPayload {
        let length = [0, 4, 8][self.number(0...2)]
        return NotifyPayload(
            protocolID: .init(rawValue: self.byte()), spi: self.bytes(length...length),
            type: .init(rawValue: self.short()), data: self.bytes(0...40))
    }

    private mutating func delete() -> DeletePayload {
        switch self.number(0...2) {
        case 0: return .ikeSA
        case 1:
            return DeletePayload(
                protocolID: .ah, spis: (0..<self.number(0...3)).map { _ in self.bytes(4...4) })
        default:
            return DeletePayload(
                esp: (0..<self.number(0...5)).map { _ in
                    ESPSPI(UInt32(truncatingIfNeeded: self.random.next()))
                })
        }
    }

    private mutating func selectors() -> TrafficSelectorPayload {
        TrafficSelectorPayload(
            selectors: (0..<self.number(0...4)).compactMap { _ in self.selector() },
            unknownSelectors: (0..<self.number(0...1)).map { _ in
                RawTrafficSelector(
                    type: UInt8(self.number(9...255)), ipProtocol: self.byte(), body: self.bytes(0...20))
            })
    }

    private mutating func selector() -> TrafficSelector? {
        let family: AddressFamily = self.byte() < 128 ? .v4 : .v6
        let (a, b) = (self.address(family), self.address(family))
        let (low, high) = (self.short(), self.short())
        let ports: PortSelector = self.byte() < 64 ? .opaque : .range(min(low, high)...max(low, high))
        return AddressRange(min(a, b), max(a, b)).map {
            TrafficSelector(ipProtocol: self.byte(), ports: ports, addresses: $0)
        }
    }

    private mutating func address(_ family: AddressFamily) -> IPAddress {
        IPAddress(family: family, number: UInt128(self.random.next()) << 64 | UInt128(self.random.next()))
    }

    private mutating func configuration() -> ConfigurationPayload {
        ConfigurationPayload(
            type: .init(rawValue: self.byte()),
            attributes: (0..<self.number(0...5)).map { _ in
                ConfigurationAttribute(type: self.short() & 0x7fff, value: self.bytes(0...17))
            })
    }
}
