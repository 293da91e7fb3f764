internal import IPsecModel

/// What both sides of an IKE_SA may do about its addresses (RFC 4555), and what is under way.
///
/// It goes on with the IKE_SA's successors, as the path does.
struct Mobility {
    /// A request that asks whether the peer is at the other end of a path: its answer repeats the cookie (RFC 4555 §3.7).
    struct Probe: Hashable {
        /// COOKIE2.
        let cookie: [UInt8]
        /// The path when the request was first sent; another one is not shown by its answer.
        let path: Path
    }

    /// Transmissions of a request without an answer after which another address of the peer's is tried.
    static let patience = 3

    /// True if both sides said MOBIKE_SUPPORTED in IKE_AUTH (RFC 4555 §3.2).
    var isAgreed = false
    /// True if we began the first of the IKE_SAs: only that side updates addresses, and rekeying does not change it
    /// (RFC 4555 §2.1).
    var isInitiator = false
    /// True if the peer sends NAT_DETECTION payloads (RFC 7296 §2.23).
    var detectsNATs = false
    /// Addresses of the peer's: where its latest list came from, and what that says (RFC 4555 §3.6). Empty if it sent none.
    private(set) var peerAddresses: [IPAddress] = []
    /// Which of them is tried next when the peer does not answer.
    private var nextPeerAddress = 0
    /// True if an UPDATE_SA_ADDRESSES is to be sent: the "pending_update" of RFC 4555 §3.5.
    var owesUpdate = false
    /// Our UPDATE_SA_ADDRESSES that waits for its answer.
    @Boxed var update: Probe?
    /// Our check of the peer's new address that waits for its answer.
    @Boxed var check: Probe?
    /// The path on which CHILD_SAs stay until the peer has answered from its new address; nil if they need not wait.
    @Boxed var heldPath: Path?
    /// What the peer's last NAT_DETECTION_DESTINATION_IP said of our address (RFC 4555 §3.8).
    var seenAs: [UInt8]?

    /// Replaces the list of the peer's addresses.
    mutating func setPeerAddresses(_ addresses: [IPAddress], limit: Int) {
        var seen: Set<IPAddress> = []
        self.peerAddresses = Array(
            addresses.filter { !$0.isUnspecified && seen.insert($0).inserted }.prefix(limit))
        self.nextPeerAddress = 0
    }

    /// The next of the peer's addresses that is not `present`, in turn; nil if there is none.
    mutating func takeOtherAddress(than present: IPAddress) -> IPAddress? {
        let others = self.peerAddresses.filter { $0 != present }
        guard !others.isEmpty else { return nil }
        defer { self.nextPeerAddress &+= 1 }
        return others[self.nextPeerAddress % others.count]
    }
}

extension Path {
    /// True if packets travel by both in the same way.
    func isSameWay(as other: Path) -> Bool {
        self.local == other.local && self.remote == other.remote
            && self.usesUDPEncapsulation == other.usesUDPEncapsulation
    }

    /// The same path with what NAT detection found of it; unchanged if the message had no such payloads.
    ///
    /// `forced` is `encap = yes`. ESP in UDP needs another port than 500 (RFC 3948 §2.2).
    func adopting(_ finding: NATDetection.Finding, forced: Bool) -> Path {
        guard finding.isSupported else { return self }
        var path = self
        path.isLocalBehindNAT = finding.isLocalBehindNAT
        path.isRemoteBehindNAT = finding.isRemoteBehindNAT
        path.usesUDPEncapsulation = (finding.isNATPresent || forced) && self.local.port != IKEPort.ike
        return path
    }
}
