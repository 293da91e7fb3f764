internal import IKEWire
internal import IPsecModel

/// Chooses one set of algorithms out of a peer's Security Association payload (RFC 7296 §2.7, §3.3).
///
/// Our order decides: our first proposal that has a counterpart, and in it our first transform of each type
/// that the peer offers too.
struct ProposalChoice {
    /// The peer's proposal that was chosen, by its number and SPI, and one transform of each type.
    struct Chosen: Equatable {
        let number: UInt8
        let spi: [UInt8]
        let transforms: [Transform]

        func transform(_ type: TransformType) -> Transform? {
            self.transforms.first { $0.type == type }
        }
    }

    /// How the key exchange type is treated.
    enum KeyExchangeRule: Equatable {
        /// One must be in common (IKE_SA).
        case required
        /// It plays no part (the CHILD_SA of IKE_AUTH: its keys come from the IKE_SA's exchange).
        case ignored
        /// As configured, and where nothing is configured the peer may have one of these: a peer that
        /// wants PFS more than we do is no reason to lose the tunnel at the first rekey.
        case allowed([Transform])
    }

    let ours: [Proposal]
    let keyExchange: KeyExchangeRule

    /// The choice, or nil if no proposal of the peer has all that one of ours needs.
    func choose(from offered: [ProposalSubstructure]) -> Chosen? {
        for own in self.ours {
            for theirs in offered where theirs.protocolID == own.securityProtocol {
                guard let transforms = self.match(own, theirs) else { continue }
                return Chosen(number: theirs.number, spi: theirs.spi, transforms: transforms)
            }
        }
        return nil
    }

    private func match(_ own: Proposal, _ theirs: ProposalSubstructure) -> [Transform]? {
        var chosen: [Transform] = []
        let offered = theirs.transforms
        for type in Self.types(of: own.securityProtocol) {
            switch self.pick(type, own, offered, cipher: chosen.first) {
            case .transform(let transform): chosen.append(transform)
            case .nothingNeeded: continue
            case .mismatch: return nil
            }
        }
        // One transform of each type that the peer lists must be chosen, also of types that we do not know
        // (RFC 7296 §3.3.6). KE transforms in IKE_AUTH have no meaning (§1.2).
        let covered = chosen.map { $0.type } + (self.keyExchange == .ignored ? [.keyExchange] : [])
        return theirs.transformTypes.allSatisfy { covered.contains($0) } ? chosen : nil
    }

    private enum Pick {
        case transform(Transform)
        case nothingNeeded
        case mismatch
    }

    private func pick(_ type: TransformType, _ own: Proposal, _ theirs: [Transform], cipher: Transform?)
        -> Pick
    {
        switch type {
        case .integrity: return self.pickIntegrity(own, theirs, cipher: cipher)
        case .keyExchange: return self.pickKeyExchange(own, theirs)
        case .sequenceNumbers: return self.pickSequenceNumbers(own, theirs)
        default: return self.firstCommon(type, own.transforms(type), theirs)
        }
    }

    private func firstCommon(_ type: TransformType, _ own: [Transform], _ theirs: [Transform]) -> Pick {
        guard let transform = own.first(where: theirs.contains) else { return .mismatch }
        return .transform(transform)
    }

    /// Combined modes come without integrity, or with NONE (RFC 7296 §3.3, RFC 5282 §8).
    private func pickIntegrity(_ own: Proposal, _ theirs: [Transform], cipher: Transform?) -> Pick {
        let offered = theirs.filter { $0.type == .integrity }
        let isAEAD = cipher.map { EncryptionAlgorithm(rawValue: $0.id).isAEAD } ?? false
        guard isAEAD else { return self.firstCommon(.integrity, own.transforms(.integrity), offered) }
        if offered.isEmpty { return .nothingNeeded }
        return offered.contains(.integrity(.none)) ? .transform(.integrity(.none)) : .mismatch
    }

    private func pickKeyExchange(_ own: Proposal, _ theirs: [Transform]) -> Pick {
        let offered = theirs.filter { $0.type == .keyExchange }
        let configured = own.transforms(.keyExchange)
        switch self.keyExchange {
        case .ignored:
            // RFC 7296 §1.2: KE transforms in IKE_AUTH have no meaning; strict peers leave them out.
            return .nothingNeeded
        case .required:
            return self.firstCommon(.keyExchange, configured, offered)
        case .allowed(let extra):
            let isOptional = configured.isEmpty || configured.contains(.keyExchange(.none))
            if offered.isEmpty { return isOptional ? .nothingNeeded : .mismatch }
            if configured.isEmpty, offered.contains(.keyExchange(.none)) {
                return .transform(.keyExchange(.none))
            }
            return self.firstCommon(.keyExchange, configured.isEmpty ? extra : configured, offered)
        }
    }

    /// A peer that leaves ESN out means 32 bits (RFC 7296 §3.3.2 calls the type mandatory; old peers omit it).
    private func pickSequenceNumbers(_ own: Proposal, _ theirs: [Transform]) -> Pick {
        let offered = theirs.filter { $0.type == .sequenceNumbers }
        let configured = own.transforms(.sequenceNumbers)
        let wanted = configured.isEmpty ? [.sequenceNumbers(.short)] : configured
        if offered.isEmpty { return wanted.contains(.sequenceNumbers(.short)) ? .nothingNeeded : .mismatch }
        return self.firstCommon(.sequenceNumbers, wanted, offered)
    }

    private static func types(of securityProtocol: SecurityProtocol) -> [TransformType] {
        securityProtocol == .ike
            ? [.encryption, .integrity, .pseudorandomFunction, .keyExchange]
            : [.encryption, .integrity, .keyExchange, .sequenceNumbers]
    }
}

extension ProposalChoice.Chosen {
    private var protection: ProtectionSuite? {
        guard let cipher = self.transform(.encryption) else { return nil }
        let algorithm = EncryptionAlgorithm(rawValue: cipher.id)
        let integrity = self.transform(.integrity).map { IntegrityAlgorithm(rawValue: $0.id) }
        // ChaCha20 has one key length and no attribute (RFC 7634 §4).
        let bits = algorithm == .chacha20Poly1305 ? 256 : cipher.keyLength.map(Int.init)
        guard let bits else { return nil }
        return ProtectionSuite(
            encryption: algorithm, keyLength: bits,
            integrity: integrity == IntegrityAlgorithm.none ? nil : integrity)
    }

    /// The algorithms of an IKE_SA, or nil if a type is missing.
    var ikeSuite: IKESuite? {
        guard let protection = self.protection, let prf = self.transform(.pseudorandomFunction),
            let group = self.transform(.keyExchange)
        else { return nil }
        return IKESuite(
            protection: protection, prf: PseudorandomFunction(rawValue: prf.id),
            keyExchange: KeyExchangeMethod(rawValue: group.id))
    }

    /// The algorithms of a CHILD_SA, or nil if a type is missing.
    var espSuite: ESPSuite? {
        guard let protection = self.protection else { return nil }
        let group = self.transform(.keyExchange).map { KeyExchangeMethod(rawValue: $0.id) }
        let esn = self.transform(.sequenceNumbers).map { SequenceNumbers(rawValue: $0.id) }
        return ESPSuite(
            protection: protection, sequenceNumbers: esn ?? .short,
            keyExchange: group == KeyExchangeMethod.none ? nil : group)
    }

    /// The proposal substructure that answers with this choice and our SPI (RFC 7296 §3.3.1).
    func answer(_ securityProtocol: SecurityProtocol, spi: [UInt8]) -> ProposalSubstructure {
        ProposalSubstructure(
            number: self.number, protocolID: securityProtocol, spi: spi, transforms: self.transforms)
    }
}
