internal import IKEWire
internal import IPsecModel

/// NAT_DETECTION payloads (RFC 7296 §2.23).
struct NATDetection {
    /// Who is behind a NAT, as far as one message tells.
    struct Finding: Equatable {
        /// False if the peer sent no such payloads: then there is no NAT traversal with it.
        let isSupported: Bool
        /// True if our address was changed on the way.
        let isLocalBehindNAT: Bool
        /// True if the peer's address was changed on the way, or the peer wants us to believe so.
        let isRemoteBehindNAT: Bool

        /// True if ESP has to travel in UDP.
        var isNATPresent: Bool { self.isLocalBehindNAT || self.isRemoteBehindNAT }
    }

    let initiatorSPI: IKESPI
    let responderSPI: IKESPI
    let crypto: any CryptoProvider

    /// What the peer's notifies say of a message that came from `source` to `destination`.
    ///
    /// Several NAT_DETECTION_SOURCE_IP are legal: a host with several addresses does not know which one the
    /// packet left from. One match is enough.
    func examine(
        _ notifies: [NotifyPayload], source: Endpoint, destination: Endpoint
    ) throws(CryptoFault) -> Finding {
        let sources = notifies.filter { $0.type == .natDetectionSourceIP }
        let destinations = notifies.filter { $0.type == .natDetectionDestinationIP }
        guard !sources.isEmpty, !destinations.isEmpty else {
            return Finding(isSupported: false, isLocalBehindNAT: false, isRemoteBehindNAT: false)
        }
        let seenSource = try self.hash(source)
        let seenDestination = try self.hash(destination)
        return Finding(
            isSupported: true,
            isLocalBehindNAT: !destinations.contains { $0.data == seenDestination },
            isRemoteBehindNAT: !sources.contains { $0.data == seenSource })
    }

    /// The two notifies for a message from `source` to `destination`.
    ///
    /// `hidesSource` makes the source's hash that of no address, so that the peer finds a NAT and
    /// encapsulates (`encap = yes`).
    func notifies(
        source: Endpoint, destination: Endpoint, hidesSource: Bool
    ) throws(CryptoFault) -> [NotifyPayload] {
        let own = hidesSource ? try self.crypto.bytes(20) : try self.hash(source)
        return [
            NotifyPayload(.natDetectionSourceIP, data: own),
            NotifyPayload(.natDetectionDestinationIP, data: try self.hash(destination)),
        ]
    }

    /// SHA-1(SPIi | SPIr | address | port).
    private func hash(_ endpoint: Endpoint) throws(CryptoFault) -> [UInt8] {
        let port = [UInt8(endpoint.port >> 8), UInt8(truncatingIfNeeded: endpoint.port)]
        return try self.crypto.sha1(
            self.initiatorSPI.bytes + self.responderSPI.bytes + endpoint.address.bytes + port)
    }
}
