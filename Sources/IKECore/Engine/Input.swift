package import IPsecModel

/// The socket that a datagram came through, or leaves by.
package enum IKESocketKind: Hashable, Sendable {
    /// UDP 500: IKE messages as they are.
    case ike
    /// UDP 4500: IKE behind a non-ESP marker, ESP, and keepalives (RFC 3948 §2).
    case natTraversal
}

/// A datagram as it came, with both its addresses.
package struct ReceivedDatagram: Sendable {
    /// The UDP payload.
    package let bytes: [UInt8]
    /// Who sent it, as far as the packet says.
    package let source: Endpoint
    /// The address and port of ours that it was sent to.
    package let destination: Endpoint
    /// The socket that it came through.
    package let socket: IKESocketKind

    /// A datagram from `source` to `destination`.
    package init(bytes: [UInt8], source: Endpoint, destination: Endpoint, socket: IKESocketKind) {
        self.bytes = bytes
        self.source = source
        self.destination = destination
        self.socket = socket
    }
}

/// What an operator asks for.
package enum OperatorCommand: Hashable, Sendable {
    /// Begin an IKE_SA of a connection, with the CHILD_SA `child` or its first.
    case initiate(connection: String, child: String?)
    /// Delete the IKE_SAs of a connection (or the one with this unique ID), or only their CHILD_SAs `child`.
    case terminate(connection: String, uniqueID: UInt64?, child: String?)
    /// Renew the keys of the IKE_SAs of a connection (or of the one with this unique ID), or of their CHILD_SAs `child`.
    case rekey(connection: String, uniqueID: UInt64?, child: String?)
    /// Delete everything, and take no new IKE_SAs.
    case shutDown
}

/// How a data plane answered a request of ours.
package enum DataPlaneReply: Sendable {
    /// The SPI that was asked for.
    case spi(ESPSPI)
    /// It is done.
    case done
    /// What the CHILD_SAs that were asked for carry; those that are gone are left out.
    case traffic([ESPTraffic])
    /// It could not be done, and nothing of it was.
    case failed(KernelFault)
}

/// An address of ours and one of a peer's, between which this host has a way.
package struct AddressPair: Hashable, Sendable {
    /// Ours.
    package let local: IPAddress
    /// The peer's.
    package let remote: IPAddress

    /// A way from `local` to `remote`.
    package init(local: IPAddress, remote: IPAddress) {
        self.local = local
        self.remote = remote
    }
}

/// Everything that can happen to an engine.
package enum Input: Sendable {
    /// A datagram came.
    case datagram(ReceivedDatagram)
    /// `nextDeadline` has come, or at least may have.
    case deadline
    /// The key exchange with this ID is done, or cannot be.
    case keyAgreed(requestID: UInt64, Result<KeyAgreement, CryptoFault>)
    /// The data plane answers the request with this ID.
    case dataPlane(requestID: UInt64, DataPlaneReply)
    /// Something happened in the data plane.
    case dataPlaneEvent(DataPlaneEvent)
    /// An operator asks; the answer is an output with the same ID.
    case command(commandID: UInt64, OperatorCommand)
    /// A new configuration is in force.
    case configuration(GatewayConfiguration)
    /// Packets can come and go: what starts by itself does so now.
    case started
    /// Ways that the search with this ID has found: addresses between which its connection may be begun, or its IKE_SA go
    /// on, the preferred first.
    case addresses(searchID: UInt64, [AddressPair])
    /// This host has these addresses now, or another of its routes has changed. Also before anything else.
    case addressesChanged([IPAddress])
}
