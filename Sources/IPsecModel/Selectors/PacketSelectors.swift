/// One packet as traffic selectors: the first of a request, so that the peer can narrow around it (RFC 7296 §2.9).
package struct PacketSelectors: Hashable, Sendable {
    /// Its end on our side.
    package let local: TrafficSelector
    /// Its end on the peer's side.
    package let remote: TrafficSelector

    /// A packet from `local` to `remote`.
    package init(local: TrafficSelector, remote: TrafficSelector) {
        self.local = local
        self.remote = remote
    }
}
