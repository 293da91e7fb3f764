import IKEWire
import IPsecModel
import Testing

/// What is one more than `WireLimits` allows is refused, what is exactly as much is not, in both directions.
@Suite struct LimitTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let field: String
        let limit: Int
        /// Payloads with `count` of the limited items.
        let make: @Sendable (_ count: Int) -> [Payload]
        /// The same as octets, without the module's encoder: first payload and chain.
        let octets: @Sendable (_ count: Int) -> (PayloadType, [UInt8])

        var testDescription: String { self.field }
    }

    static let cases: [Case] = [
        Case(
            field: "payloads", limit: WireLimits.payloads,
            make: { count in (0..<count).map { _ in .vendorID(.init(vendorID: [])) } },
            octets: { count in
                (.vendorID, (0..<count).flatMap { [$0 + 1 == count ? 0 : 43, 0, 0, 4] as [UInt8] })
            }),
        Case(
            field: "proposals", limit: WireLimits.proposals,
            make: { count in
                let proposal = ProposalSubstructure(number: 1, protocolID: .ike, transforms: [])
                return [.securityAssociation(.init(proposals: .init(repeating: proposal, count: count)))]
            },
            octets: { count in
                let body = (0..<count).flatMap { [$0 + 1 == count ? 0 : 2, 0, 0, 8, 1, 1, 0, 0] as [UInt8] }
                return (.securityAssociation, Self.payload(body))
            }),
        Case(
            field: "transforms", limit: WireLimits.transforms,
            make: { count in
                let transforms = [Transform](repeating: .prf(.hmacSHA256), count: count)
                let proposal = ProposalSubstructure(number: 1, protocolID: .ike, transforms: transforms)
                return [.securityAssociation(.init(proposals: [proposal]))]
            },
            octets: { count in
                let body = (0..<count).flatMap { [$0 + 1 == count ? 0 : 3, 0, 0, 8, 2, 0, 0, 5] as [UInt8] }
                return (.securityAssociation, Self.payload(Self.proposal(transforms: count, body)))
            }),
        Case(
            field: "transform attributes", limit: WireLimits.transformAttributes,
            make: { count in
                let attribute = TransformAttribute(type: 99, value: .short(1))
                let transform = TransformSubstructure(
                    .prf(.hmacSHA256), unknownAttributes: .init(repeating: attribute, count: count))
                let proposal = ProposalSubstructure(
                    number: 1, protocolID: .ike, spi: [], transformSubstructures: [transform])
                return [.securityAssociation(.init(proposals: [proposal]))]
            },
            octets: { count in
                let attributes = (0..<count).flatMap { _ in [0x80, 99, 0, 1] as [UInt8] }
                let body = [0, 0, 0, UInt8(8 + attributes.count), 2, 0, 0, 5] + attributes
                return (.securityAssociation, Self.payload(Self.proposal(transforms: 1, body)))
            }),
        Case(
            field: "traffic selectors", limit: WireLimits.trafficSelectors,
            make: { count in
                let raw = RawTrafficSelector(type: 99, ipProtocol: 0, body: [])
                return [
                    .tsInitiator(.init(selectors: [], unknownSelectors: .init(repeating: raw, count: count)))
                ]
            },
            octets: { count in
                let body = (0..<count).flatMap { _ in [99, 0, 0, 4] as [UInt8] }
                return (.tsInitiator, Self.payload([UInt8(count), 0, 0, 0] + body))
            }),
        Case(
            field: "SPIs of a delete", limit: WireLimits.deletedSPIs,
            make: { count in [.delete(.init(esp: .init(repeating: ESPSPI(0xc000_0001), count: count)))] },
            octets: { count in
                let body = (0..<count).flatMap { _ in [0xc0, 0, 0, 1] as [UInt8] }
                return (.delete, Self.payload([3, 4, UInt8(count >> 8), UInt8(count & 0xff)] + body))
            }),
        Case(
            field: "configuration attributes", limit: WireLimits.configurationAttributes,
            make: { count in
                [
                    .configuration(
                        .init(type: .request, attributes: .init(repeating: .init(type: 1), count: count)))
                ]
            },
            octets: { count in
                let body = (0..<count).flatMap { _ in [0, 1, 0, 0] as [UInt8] }
                return (.configuration, Self.payload([1, 0, 0, 0] + body))
            }),
    ]

    private static func payload(_ body: [UInt8]) -> [UInt8] {
        let length = body.count + 4
        return [0, 0, UInt8(length >> 8), UInt8(length & 0xff)] + body
    }

    private static func proposal(transforms: Int, _ body: [UInt8]) -> [UInt8] {
        let length = body.count + 8
        return [0, 0, UInt8(length >> 8), UInt8(length & 0xff), 1, 1, 0, UInt8(transforms)] + body
    }

    @Test(arguments: Self.cases)
    func `as much as the limit is accepted both ways`(example: Case) throws {
        let (first, bytes) = example.octets(example.limit)
        let payloads = example.make(example.limit)
        #expect(try PayloadChain.decode(first: first, bytes[...]).payloads == payloads)
        #expect(try PayloadChain.encode(payloads).bytes == bytes)
    }

    @Test(arguments: Self.cases)
    func `one more than the limit is refused both ways`(example: Case) {
        let expected = WireFault.tooMany(field: example.field, limit: example.limit)
        let (first, bytes) = example.octets(example.limit + 1)
        #expect(throws: expected) { _ = try PayloadChain.decode(first: first, bytes[...]) }
        #expect(throws: expected) { _ = try PayloadChain.encode(example.make(example.limit + 1)) }
    }
}
