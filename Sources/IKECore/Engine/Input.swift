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
    /// Delete the IKE_SAs of a connection (or the one with this unique ID), or only their CHILD_SAs `child`.
    case terminate(connection: String, uniqueID: UInt64?, child: String?)
    /// Delete everything, and take no new IKE_SAs.
    case shutDown
}

/// How a data plane answered a request of ours.
package enum DataPlaneReply: Sendable {
    /// The SPI that was asked for.
    case spi(ESPSPI)
    /// It is done.
    case done
    /// It could not be done, and nothing of it was.
    case failed(KernelFault)
}

/// Everything that can happen to an engine.
package enum Input: Sendable {
    /// A datagram came.
    case datagram(ReceivedDatagram)
    /// `nextDeadline` has come, or at least may have.
    case deadline
    /// The data plane answers the request with this ID.
    case dataPlane(requestID: UInt64, DataPlaneReply)
    /// Something happened in the data plane.
    case dataPlaneEvent(DataPlaneEvent)
    /// An operator asks; the answer is an output with the same ID.
    case command(commandID: UInt64, OperatorCommand)
    /// A new configuration is in force.
    case configuration(GatewayConfiguration)
}
