import IKEWire
import IPsecModel
import SimNet
import Testing

@testable import IKECore

/// Choice of algorithms (RFC 7296 §2.7, §3.3).
struct ProposalChoiceTests {
    /// A table row: what we have, what the peer offers, what is chosen.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let ours: [Proposal]
        let theirs: [ProposalSubstructure]
        let rule: ProposalChoice.KeyExchangeRule
        /// The number of the chosen proposal and its transforms; nil for none.
        let number: UInt8?
        let transforms: [Transform]
    }

    private static let gcm128 = Transform.encryption(.aesGCM16, 128)
    private static let gcm256 = Transform.encryption(.aesGCM16, 256)
    private static let cbc256 = Transform.encryption(.aesCBC, 256)
    private static let sha256 = Transform.integrity(.hmacSHA256)
    private static let sha512 = Transform.integrity(.hmacSHA512)
    private static let prf256 = Transform.prf(.hmacSHA256)
    private static let prf512 = Transform.prf(.hmacSHA512)
    private static let x25519 = Transform.keyExchange(.x25519)
    private static let ecp256 = Transform.keyExchange(.ecp256)
    private static let noESN = Transform.sequenceNumbers(.short)
    private static let esn = Transform.sequenceNumbers(.extended)

    private static func ike(
        _ name: String, ours: [[Transform]], theirs: [[Transform]], _ number: UInt8?, _ chosen: [Transform]
    ) -> Row {
        Row(
            testDescription: name, ours: ours.map { Proposal(.ike, $0) },
            theirs: theirs.enumerated().map {
                ProposalSubstructure(number: UInt8($0.offset + 1), protocolID: .ike, transforms: $0.element)
            }, rule: .required, number: number, transforms: chosen)
    }

    private static func esp(
        _ name: String, _ rule: ProposalChoice.KeyExchangeRule, ours: [[Transform]], theirs: [[Transform]],
        _ number: UInt8?, _ chosen: [Transform]
    ) -> Row {
        Row(
            testDescription: name, ours: ours.map { Proposal(.esp, $0) },
            theirs: theirs.enumerated().map {
                ProposalSubstructure(
                    number: UInt8($0.offset + 1), protocolID: .esp, spi: [1, 2, 3, 4],
                    transforms: $0.element)
            }, rule: rule, number: number, transforms: chosen)
    }

    private static let ikeRows: [Row] = [
        ike(
            "equal", ours: [[gcm128, prf256, x25519]], theirs: [[gcm128, prf256, x25519]], 1,
            [gcm128, prf256, x25519]),
        ike(
            "our order of proposals", ours: [[gcm256, prf512, x25519], [gcm128, prf256, x25519]],
            theirs: [[gcm128, prf256, x25519], [gcm256, prf512, x25519]], 2, [gcm256, prf512, x25519]),
        ike(
            "our order of transforms", ours: [[gcm256, gcm128, prf512, prf256, x25519, ecp256]],
            theirs: [[gcm128, gcm256, prf256, prf512, ecp256, x25519]], 1, [gcm256, prf512, x25519]),
        ike(
            "another key length", ours: [[gcm256, prf256, x25519]], theirs: [[gcm128, prf256, x25519]], nil,
            []),
        ike(
            "key length left out", ours: [[gcm128, prf256, x25519]],
            theirs: [[.encryption(.aesGCM16), prf256, x25519]], nil, []),
        ike("no PRF", ours: [[gcm128, prf256, x25519]], theirs: [[gcm128, x25519]], nil, []),
        ike("no group", ours: [[gcm128, prf256, x25519]], theirs: [[gcm128, prf256]], nil, []),
        ike(
            "group NONE", ours: [[gcm128, prf256, x25519]], theirs: [[gcm128, prf256, .keyExchange(.none)]],
            nil, []),
        ike("no cipher", ours: [[gcm128, prf256, x25519]], theirs: [[prf256, x25519]], nil, []),
        ike(
            "CBC with integrity", ours: [[cbc256, sha256, prf256, x25519]],
            theirs: [[cbc256, sha512, sha256, prf256, x25519]], 1, [cbc256, sha256, prf256, x25519]),
        ike(
            "CBC without integrity", ours: [[cbc256, sha256, prf256, x25519]],
            theirs: [[cbc256, prf256, x25519]], nil, []),
        ike(
            "GCM with integrity NONE", ours: [[gcm128, prf256, x25519]],
            theirs: [[gcm128, .integrity(.none), prf256, x25519]], 1,
            [gcm128, .integrity(.none), prf256, x25519]),
        ike(
            "GCM with integrity", ours: [[gcm128, prf256, x25519]],
            theirs: [[gcm128, sha256, prf256, x25519]],
            nil, []),
        ike(
            "an unknown transform beside a known one", ours: [[gcm128, prf256, x25519]],
            theirs: [[Transform(type: .encryption, id: 4_000), gcm128, prf256, x25519]], 1,
            [gcm128, prf256, x25519]),
        ike(
            "an unknown transform type", ours: [[gcm128, prf256, x25519]],
            theirs: [[gcm128, prf256, x25519, Transform(type: TransformType(rawValue: 99), id: 1)]], nil, []),
        ike(
            "an unknown type in the first of two proposals", ours: [[gcm128, prf256, x25519]],
            theirs: [
                [gcm128, prf256, x25519, Transform(type: TransformType(rawValue: 6), id: 36)],
                [gcm128, prf256, x25519],
            ], 2, [gcm128, prf256, x25519]),
        ike("nothing offered", ours: [[gcm128, prf256, x25519]], theirs: [], nil, []),
        ike("an empty proposal", ours: [[gcm128, prf256, x25519]], theirs: [[]], nil, []),
        ike("nothing of ours", ours: [], theirs: [[gcm128, prf256, x25519]], nil, []),
    ]

    private static let espRows: [Row] = [
        esp("IKE_AUTH", .ignored, ours: [[gcm128, noESN]], theirs: [[gcm128, noESN]], 1, [gcm128, noESN]),
        esp(
            "IKE_AUTH with a group of ours", .ignored, ours: [[gcm128, x25519, noESN]],
            theirs: [[gcm128, noESN]], 1, [gcm128, noESN]),
        esp(
            "IKE_AUTH with a group of theirs", .ignored, ours: [[gcm128, noESN]],
            theirs: [[gcm128, x25519, noESN]], 1, [gcm128, noESN]),
        esp("no ESN transform", .ignored, ours: [[gcm128]], theirs: [[gcm128]], 1, [gcm128]),
        esp("ESN only", .ignored, ours: [[gcm128, noESN]], theirs: [[gcm128, esn]], nil, []),
        esp("ESN wanted, left out", .ignored, ours: [[gcm128, esn]], theirs: [[gcm128]], nil, []),
        esp(
            "ESN preferred", .ignored, ours: [[gcm128, esn, noESN]], theirs: [[gcm128, noESN, esn]], 1,
            [gcm128, esn]),
        esp(
            "no PFS on either side", .allowed([x25519]), ours: [[gcm128, noESN]], theirs: [[gcm128, noESN]],
            1,
            [gcm128, noESN]),
        esp(
            "PFS of theirs", .allowed([x25519]), ours: [[gcm128, noESN]], theirs: [[gcm128, x25519, noESN]],
            1,
            [gcm128, x25519, noESN]),
        esp(
            "PFS of theirs with a group that we do not allow", .allowed([x25519]), ours: [[gcm128, noESN]],
            theirs: [[gcm128, ecp256, noESN]], nil, []),
        esp(
            "PFS of theirs, or none", .allowed([x25519]), ours: [[gcm128, noESN]],
            theirs: [[gcm128, x25519, .keyExchange(.none), noESN]], 1,
            [gcm128, .keyExchange(.none), noESN]),
        esp(
            "PFS of ours alone", .allowed([x25519]), ours: [[gcm128, ecp256, noESN]],
            theirs: [[gcm128, noESN]],
            nil, []),
        esp(
            "PFS of both", .allowed([x25519]), ours: [[gcm128, ecp256, noESN]],
            theirs: [[gcm128, x25519, ecp256, noESN]], 1, [gcm128, ecp256, noESN]),
        esp(
            "PFS of ours if they want it, and they do not", .allowed([x25519]),
            ours: [[gcm128, ecp256, .keyExchange(.none), noESN]], theirs: [[gcm128, noESN]], 1,
            [gcm128, noESN]),
        esp(
            "PFS of ours if they want it, and they do", .allowed([x25519]),
            ours: [[gcm128, ecp256, .keyExchange(.none), noESN]], theirs: [[gcm128, ecp256, noESN]], 1,
            [gcm128, ecp256, noESN]),
        esp(
            "PFS of ours if they want it, with a group that we do not have", .allowed([x25519]),
            ours: [[gcm128, ecp256, .keyExchange(.none), noESN]], theirs: [[gcm128, x25519, noESN]], nil, []),
    ]

    @Test(arguments: ikeRows + espRows)
    func `our order decides, and each type must be there`(row: Row) {
        let chosen = ProposalChoice(ours: row.ours, keyExchange: row.rule).choose(from: row.theirs)
        #expect(chosen?.number == row.number)
        #expect(chosen?.transforms ?? [] == row.transforms)
    }

    @Test func `a transform with an attribute that we do not know is not chosen`() {
        let known = TransformSubstructure(Self.gcm128)
        let odd = TransformSubstructure(
            Self.gcm128, unknownAttributes: [TransformAttribute(type: 99, value: .short(1))])
        let rest = [Self.prf256, Self.x25519].map { TransformSubstructure($0) }
        let choice = ProposalChoice(
            ours: [PeerSettings.ikeProposal(.x25519)], keyExchange: .required)
        let offer = { (cipher: [TransformSubstructure]) in
            [
                ProposalSubstructure(
                    number: 1, protocolID: .ike, spi: [], transformSubstructures: cipher + rest)
            ]
        }
        #expect(choice.choose(from: offer([odd])) == nil)
        #expect(choice.choose(from: offer([odd, known]))?.transforms.first == Self.gcm128)
    }

    @Test func `a proposal of another protocol is passed over`() {
        let choice = ProposalChoice(ours: [PeerSettings.espProposal], keyExchange: .ignored)
        let ah = ProposalSubstructure(
            number: 1, protocolID: .ah, spi: [1, 2, 3, 4], transforms: PeerSettings.espProposal.transforms)
        let esp = ProposalSubstructure(
            number: 2, protocolID: .esp, spi: [5, 6, 7, 8], transforms: PeerSettings.espProposal.transforms)
        #expect(choice.choose(from: [ah]) == nil)
        #expect(choice.choose(from: [ah, esp])?.number == 2)
        #expect(choice.choose(from: [ah, esp])?.spi == [5, 6, 7, 8])
    }

    @Test func `the answer repeats number and transforms with our SPI`() throws {
        let theirs = ProposalSubstructure(
            number: 7, protocolID: .esp, spi: [1, 2, 3, 4], transforms: PeerSettings.espProposal.transforms)
        let chosen = try #require(
            ProposalChoice(ours: [PeerSettings.espProposal], keyExchange: .ignored).choose(from: [theirs]))
        let answer = chosen.answer(.esp, spi: [9, 9, 9, 9])
        #expect(answer.number == 7)
        #expect(answer.spi == [9, 9, 9, 9])
        #expect(answer.transforms == PeerSettings.espProposal.transforms)
    }
}
