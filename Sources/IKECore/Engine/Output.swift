package import IPsecModel

/// What is asked of the data plane; the answer is an input with the same ID.
package struct DataPlaneRequest: Sendable {
    /// What is to be done.
    package enum Operation: Sendable {
        /// Answered by `.spi`.
        case allocateSPI(local: IPAddress, remote: IPAddress, reqid: UInt32)
        /// No answer is expected.
        case releaseSPI(ESPSPI, local: IPAddress)
        /// Install these halves of a CHILD_SA, in this order: all of them or none.
        case install(ChildSASpec, [InstallationStep])
        /// End both halves, and the policies if nothing replaces this CHILD_SA. No answer is expected.
        case remove(ChildSASpec, withPolicies: Bool)
        /// Hold these packets back as long as no CHILD_SA takes them. No answer is expected.
        case installTrap(TrapPolicy)
        /// Hold them back no more. No answer is expected.
        case removeTrap(TrapPolicy)
        /// Fail if the data plane has the inbound half no more.
        case check(ChildSASpec)
        /// Tell what these carry: answered by `.traffic`.
        case traffic([ChildSASpec])
        /// Move all of these to another path: all or none.
        case move([ChildSASpec], to: Path)
    }

    /// Ties the answer to the request.
    package let requestID: UInt64
    /// What is to be done.
    package let operation: Operation

    /// A request to a data plane.
    package init(requestID: UInt64, operation: Operation) {
        self.requestID = requestID
        self.operation = operation
    }
}

/// A part of a CHILD_SA's installation.
package enum InstallationStep: Hashable, Sendable {
    /// The half that receives.
    case inbound
    /// The half that sends.
    case outbound
    /// What steers packets into it.
    case policies
}

/// How an operator's command ended.
package enum CommandAnswer: Hashable, Sendable {
    /// It was begun for this many SAs.
    case begun(count: Int)
    /// It cannot be done; the sentence says why.
    case refused(String)
}

/// Everything that an engine wants done.
package enum Output: Sendable {
    /// Send a datagram from one of our addresses.
    case send(bytes: [UInt8], from: Endpoint, to: Endpoint)
    /// Do a key exchange, at once or on another thread: answered by an input with the same ID.
    case agreeOnKey(KeyAgreementRequest)
    /// Ask the data plane.
    case dataPlane(DataPlaneRequest)
    /// Tell logs and listeners.
    case event(IKEEvent)
    /// Find out between which addresses an IKE_SA may be begun: names are resolved, and each address of a peer's gets the
    /// one of ours that packets to it leave from. The answer is an input with the same ID, even if there is none.
    case findAddresses(searchID: UInt64, local: [AddressPattern], remote: [AddressPattern])
    /// Answer an operator.
    case answer(commandID: UInt64, CommandAnswer)
}

/// What an engine wants done, in order.
package struct Outbox {
    private var outputs: [Output] = []

    /// An empty outbox.
    package init() {}

    /// Adds `output` at the end.
    package mutating func append(_ output: Output) {
        self.outputs.append(output)
    }

    /// Takes everything out.
    package mutating func drain() -> [Output] {
        defer { self.outputs.removeAll(keepingCapacity: true) }
        return self.outputs
    }

    /// True if there is nothing to do.
    package var isEmpty: Bool { self.outputs.isEmpty }
}
