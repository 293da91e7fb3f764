/// Packets that may leave through a CHILD_SA only, whether it stands or not.
///
/// As long as none takes them they are held back, and the data plane tells of the first (`DataPlaneEvent.acquire`): so
/// nothing leaves in clear before a tunnel is up (RFC 4301 §4.4.1, PROTECT).
package struct TrapPolicy: Hashable, Sendable {
    /// Names the policy; no CHILD_SA has it.
    package let reqid: UInt32
    /// Inner packets' addresses on our side.
    package let localSelectors: [TrafficSelector]
    /// Inner packets' addresses on the peer's side.
    package let remoteSelectors: [TrafficSelector]
    /// The peer's outer address; nil if it is not known yet.
    package var remote: IPAddress?

    /// The policy of packets between these.
    package init(
        reqid: UInt32, localSelectors: [TrafficSelector], remoteSelectors: [TrafficSelector],
        remote: IPAddress?
    ) {
        self.reqid = reqid
        self.localSelectors = localSelectors
        self.remoteSelectors = remoteSelectors
        self.remote = remote
    }
}
