package import IPsecModel

/// SA (RFC 7296 §3.3): the proposals, the preferred first.
///
/// It may be empty: some peers send that when they have nothing to offer.
package struct SecurityAssociationPayload: Hashable, Sendable {
    /// What is offered, or the one that was chosen.
    package var proposals: [ProposalSubstructure]

    /// The payload of `proposals`.
    package init(proposals: [ProposalSubstructure]) {
        self.proposals = proposals
    }
}

/// One proposal of an SA payload (RFC 7296 §3.3.1).
package struct ProposalSubstructure: Hashable, Sendable {
    /// Its number; an answer repeats the number of the proposal that it chose.
    package var number: UInt8
    /// What the SA is for.
    package var protocolID: SecurityProtocol
    /// The sender's SPI: 4 octets for ESP and AH, 8 for IKE in a rekey, else none.
    package var spi: [UInt8]
    /// The algorithms with all their attributes, in the sender's order.
    package var transformSubstructures: [TransformSubstructure]

    /// A proposal as it stands on the wire.
    package init(
        number: UInt8, protocolID: SecurityProtocol, spi: [UInt8],
        transformSubstructures: [TransformSubstructure]
    ) {
        self.number = number
        self.protocolID = protocolID
        self.spi = spi
        self.transformSubstructures = transformSubstructures
    }

    /// A proposal of transforms without unknown attributes.
    package init(
        number: UInt8, protocolID: SecurityProtocol, spi: [UInt8] = [], transforms: [Transform]
    ) {
        self.init(
            number: number, protocolID: protocolID, spi: spi,
            transformSubstructures: transforms.map { TransformSubstructure($0) })
    }

    /// The transforms that may be chosen: those without an attribute that we do not understand
    /// (RFC 7296 §3.3.6).
    ///
    /// A type may occur in `transformTypes` and have no transform here; then the proposal as a whole is
    /// unacceptable, since one transform of each type that occurs must be chosen.
    package var transforms: [Transform] {
        // Closures: key paths into another module are followed at run time, which shows in what a set-up costs.
        self.transformSubstructures.filter { $0.unknownAttributes.isEmpty }.map { $0.transform }
    }

    /// All types that occur, each once, in the sender's order.
    package var transformTypes: [TransformType] {
        var types: [TransformType] = []
        for type in self.transformSubstructures.map({ $0.transform.type }) where !types.contains(type) {
            types.append(type)
        }
        return types
    }

    /// The SPI of an ESP or AH proposal, else nil.
    package var espSPI: ESPSPI? { ESPSPI(protocolID: self.protocolID, bytes: self.spi) }

    /// The SPI of an IKE proposal in a rekey, else nil.
    package var ikeSPI: IKESPI? {
        guard self.protocolID == .ike else { return nil }
        return IKESPI(bytes: self.spi)
    }
}

/// One transform of a proposal (RFC 7296 §3.3.2).
package struct TransformSubstructure: Hashable, Sendable {
    /// The algorithm and its key length.
    package var transform: Transform
    /// Attributes that we do not understand, among them a key length that is given twice or in the wrong
    /// format. A transform that has any must not be chosen (RFC 7296 §3.3.6).
    package var unknownAttributes: [TransformAttribute]

    /// The transform with these attributes beside its key length.
    package init(_ transform: Transform, unknownAttributes: [TransformAttribute] = []) {
        self.transform = transform
        self.unknownAttributes = unknownAttributes
    }
}

/// An attribute of a transform (RFC 7296 §3.3.5).
package struct TransformAttribute: Hashable, Sendable {
    /// The two formats on the wire.
    package enum Value: Hashable, Sendable {
        /// Type/value: the value stands in place of the length.
        case short(UInt16)
        /// Type/length/value.
        case long([UInt8])
    }

    /// The number of Key Length, the only attribute that is defined.
    package static let keyLength: UInt16 = 14

    /// The attribute's type, 0 to 32767.
    package var type: UInt16
    /// The attribute's value.
    package var value: Value

    /// The attribute `type` with `value`.
    package init(type: UInt16, value: Value) {
        self.type = type
        self.value = value
    }
}
