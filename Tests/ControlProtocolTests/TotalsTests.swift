internal import ControlProtocol
internal import Testing

/// What counts as up: it decides the exit status of `culvert status`.
struct TotalsTests {
    @Test func `a peer with all its children installed is up`() {
        let totals = TotalsReport([peer("hq", .established, children: ["net"], installed: ["net"])])
        #expect(totals.isAllUp)
        #expect(totals.peersUp == 1)
        #expect(totals.childrenUp == 1)
    }

    @Test func `an established peer without one of its children is not all up`() {
        let totals = TotalsReport([peer("hq", .established, children: ["net", "voice"], installed: ["net"])])
        #expect(totals.peersUp == 1)
        #expect(totals.children == 2)
        #expect(totals.childrenUp == 1)
        #expect(!totals.isAllUp)
    }

    @Test(arguments: [PeerState.waiting, .down, .failed, .connecting, .deleting])
    func `a peer that is not established is not up`(state: PeerState) {
        let totals = TotalsReport([peer("hq", state, children: ["net"], installed: [])])
        #expect(totals.peers == 1)
        #expect(totals.peersUp == 0)
        #expect(!totals.isAllUp)
    }

    @Test(arguments: [ChildState.rekeyed, .deleting])
    func `a child that another replaced counts once`(state: ChildState) {
        var hq = peer("hq", .established, children: ["net"], installed: ["net", "net"])
        hq.children[1].state = state
        #expect(TotalsReport([hq]).childrenUp == 1)
        hq.children[0].state = state
        #expect(TotalsReport([hq]).childrenUp == 0)
    }

    @Test func `an IKE_SA on its way out does not count beside the one that replaced it`() {
        let old = peer("hq", .deleting, children: ["net"], installed: ["net"])
        let new = peer("hq", .established, children: ["net"], installed: ["net"])
        #expect(TotalsReport([old, new]).isAllUp)
        #expect(TotalsReport([old, new]).peers == 1)
        #expect(!TotalsReport([old]).isAllUp)
    }

    @Test func `two IKE_SAs of one connection are two peers`() {
        let one = peer("branches", .established, children: ["net"], installed: ["net"])
        let totals = TotalsReport([one, one])
        #expect(totals.peers == 2)
        #expect(totals.children == 2)
    }

    @Test func `an IKE_SA that the configuration no longer knows expects the children that it has`() {
        var hq = peer("hq", .established, children: [], installed: ["net"])
        hq.configured = nil
        #expect(TotalsReport([hq]).children == 1)
        #expect(TotalsReport([hq]).isAllUp)
    }

    @Test func `nothing configured is nothing down`() {
        #expect(TotalsReport([]).isAllUp)
    }

    private func peer(
        _ name: String, _ state: PeerState, children: [String], installed: [String]
    ) -> PeerReport {
        var peer = PeerReport(
            name: name, state: state,
            configured: ConfiguredReport(
                localAddresses: ["%any"], remoteAddresses: ["%any"], remoteIdentity: "%any",
                children: children))
        peer.children = installed.map { name in
            var child = Samples.net
            child.name = name
            return child
        }
        return peer
    }
}
