internal import IPsecModel

/// Reader of one proposal such as `aes256-sha256-modp2048`, after strongSwan's rules.
///
/// An IKE proposal needs a cipher, an integrity algorithm unless the cipher is a combined mode, a PRF (that of
/// the integrity algorithm if none is given) and a group. An ESP proposal needs a cipher and, unless it is a
/// combined mode, an integrity algorithm; a group means PFS, and without `esn` sequence numbers have 32 bits.
struct ProposalText {
    /// Algorithms in one proposal.
    static let algorithmLimit = 64

    /// A word with the algorithm that it stands for.
    private struct Word {
        let text: String
        let transform: Transform

        func `is`(_ type: TransformType) -> Bool { self.transform.type == type }
        var isAEAD: Bool {
            self.is(.encryption) && EncryptionAlgorithm(rawValue: self.transform.id).isAEAD
        }
    }

    private let securityProtocol: SecurityProtocol
    private let source: LocatedText
    private var words: [Word] = []

    /// Reads the words of `source`.
    private init(_ source: LocatedText, _ securityProtocol: SecurityProtocol) throws(ValueFault) {
        self.source = source
        self.securityProtocol = securityProtocol
        guard source.bytes.last != UInt8(ascii: "!") else {
            throw ValueFault(
                source,
                "\(source.quoted): '!' belongs to ipsec.conf; here proposals are always strict, leave it out")
        }
        let parts = source.split(on: UInt8(ascii: "-"))
        guard parts.count <= Self.algorithmLimit else {
            throw ValueFault(source, "a proposal of more than \(Self.algorithmLimit) algorithms")
        }
        for part in parts { self.words.append(try Self.word(part)) }
    }

    /// The proposal that `source` means.
    ///
    /// - Throws: The sentence about the first thing that is wrong with it.
    static func proposal(
        _ source: LocatedText, for securityProtocol: SecurityProtocol
    ) throws(ValueFault) -> Proposal {
        let text = try ProposalText(source, securityProtocol)
        try text.checkMixture()
        switch securityProtocol {
        case .ike: return try text.ike()
        default: return try text.esp()
        }
    }

    private static func word(_ part: LocatedText) throws(ValueFault) -> Word {
        guard !part.isEmpty else { throw ValueFault(part, "an algorithm is missing beside a '-'") }
        switch AlgorithmWord(part.string) {
        case .implemented(let transform): return Word(text: part.string.lowercased(), transform: transform)
        case .refused(let reason): throw ValueFault(part, reason)
        case .unknown(let nearest):
            let hint = nearest.map { " (did you mean '\($0)'?)" } ?? ""
            throw ValueFault(part, "unknown algorithm \(part.quoted)\(hint)")
        }
    }

    /// What IKE and ESP have in common.
    private func checkMixture() throws(ValueFault) {
        guard self.has(.encryption) else { throw self.fault("there is no encryption algorithm") }
        let ciphers = self.words.filter { $0.is(.encryption) }
        let combined = ciphers.filter(\.isAEAD)
        guard combined.isEmpty || combined.count == ciphers.count else { throw self.mixture() }
        guard combined.isEmpty || !self.has(.integrity) else { throw self.superfluousIntegrity() }
        guard !combined.isEmpty || self.has(.integrity) else {
            let fixed = self.inserting("sha256", after: .encryption)
            throw self.fault("there is no integrity algorithm; write '\(fixed)'")
        }
    }

    private func ike() throws(ValueFault) -> Proposal {
        guard !self.has(.sequenceNumbers) else {
            throw self.fault("esn and noesn belong into esp_proposals")
        }
        guard self.words.contains(where: { $0.is(.keyExchange) }) else {
            throw self.fault("there is no key exchange group; write '\(self.joined)-x25519' or another group")
        }
        guard !self.words.contains(where: { $0.transform == .keyExchange(.none) }) else {
            throw self.fault("an IKE_SA cannot do without a key exchange")
        }
        if !self.has(.pseudorandomFunction), !self.has(.integrity) {
            let fixed = self.inserting("prfsha256", after: .encryption)
            throw self.fault("an AEAD cipher needs a prf; write '\(fixed)'")
        }
        var transforms = self.words.map(\.transform)
        if !self.has(.pseudorandomFunction) {
            transforms += self.words.filter { $0.is(.integrity) }.compactMap {
                Self.function(of: $0.transform)
            }
        }
        return self.proposal(transforms)
    }

    private func esp() throws(ValueFault) -> Proposal {
        guard !self.has(.pseudorandomFunction) else {
            let rest = self.words.filter { !$0.is(.pseudorandomFunction) }
            throw self.fault("a prf has no place in an ESP proposal; write '\(Self.joined(rest))'")
        }
        var transforms = self.words.map(\.transform)
        if !self.has(.sequenceNumbers) { transforms.append(.sequenceNumbers(.short)) }
        return self.proposal(transforms)
    }

    /// The algorithms type by type, each once, in the order in which they were written.
    private func proposal(_ transforms: [Transform]) -> Proposal {
        let types: [TransformType] = [
            .encryption, .integrity, .pseudorandomFunction, .keyExchange, .sequenceNumbers,
        ]
        var seen: Set<Transform> = []
        let ordered = types.flatMap { type in transforms.filter { $0.type == type } }
        return Proposal(self.securityProtocol, ordered.filter { seen.insert($0).inserted })
    }

    /// The PRF with the hash of an integrity algorithm.
    private static func function(of integrity: Transform) -> Transform? {
        switch IntegrityAlgorithm(rawValue: integrity.id) {
        case .hmacSHA256: return .prf(.hmacSHA256)
        case .hmacSHA384: return .prf(.hmacSHA384)
        case .hmacSHA512: return .prf(.hmacSHA512)
        default: return nil
        }
    }
}

/// What would be right instead.
extension ProposalText {
    private func superfluousIntegrity() -> ValueFault {
        let fixed = Self.joined(self.withoutIntegrity(self.words))
        guard self.securityProtocol == .ike else {
            return self.fault("an AEAD cipher takes no integrity algorithm; write '\(fixed)'")
        }
        return self.fault("an AEAD cipher takes a prf, not an integrity algorithm; write '\(fixed)'")
    }

    private func mixture() -> ValueFault {
        let combined = self.withoutIntegrity(self.words.filter { $0.isAEAD || !$0.is(.encryption) })
        let classic = self.words.filter { !$0.isAEAD }
        return self.fault(
            "AEAD and other ciphers need proposals of their own; write "
                + "'\(Self.joined(combined)), \(Self.joined(classic))'")
    }

    /// `words` for combined modes: an IKE proposal without a PRF gets those that the integrity algorithms mean.
    private func withoutIntegrity(_ words: [Word]) -> [Word] {
        let impliesFunction = self.securityProtocol == .ike && !self.has(.pseudorandomFunction)
        return words.compactMap { word in
            guard word.is(.integrity) else { return word }
            return impliesFunction ? Self.function(of: word.transform).map(Self.word) : nil
        }
    }

    private static func word(_ transform: Transform) -> Word {
        Word(text: AlgorithmNames.keyword(transform), transform: transform)
    }

    private func inserting(_ keyword: String, after type: TransformType) -> String {
        let index = (self.words.lastIndex { $0.is(type) } ?? -1) + 1
        let texts = self.words.map(\.text)
        return (texts[..<index] + [keyword] + texts[index...]).joined(separator: "-")
    }

    private var joined: String { Self.joined(self.words) }

    private static func joined(_ words: [Word]) -> String {
        var seen: Set<String> = []
        return words.map(\.text).filter { seen.insert($0).inserted }.joined(separator: "-")
    }

    private func has(_ type: TransformType) -> Bool { self.words.contains { $0.is(type) } }

    private func fault(_ text: String) -> ValueFault {
        ValueFault(self.source, "\(self.source.quoted): \(text)")
    }
}
