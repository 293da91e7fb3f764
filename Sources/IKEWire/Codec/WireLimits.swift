/// What one message may hold; more is a `WireFault`, whoever sends it.
///
/// The format would allow thousands of each. These are far above what any implementation sends and keep the
/// work that one datagram can cause small.
package enum WireLimits {
    /// Octets of a message, and of the text of a reassembled one.
    package static let messageOctets = 65_535
    /// Payloads in one chain.
    package static let payloads = 128
    /// Proposals in an SA payload.
    package static let proposals = 64
    /// Transforms in a proposal.
    package static let transforms = 128
    /// Attributes of a transform.
    package static let transformAttributes = 16
    /// Traffic selectors in a TS payload.
    package static let trafficSelectors = 128
    /// SPIs in a Delete payload.
    package static let deletedSPIs = 1_024
    /// Attributes in a Configuration payload.
    package static let configurationAttributes = 128

    /// Refuses more than `limit` items.
    static func check(_ count: Int, limit: Int, _ field: String) throws(WireFault) {
        guard count <= limit else { throw .tooMany(field: field, limit: limit) }
    }
}
