internal import IPsecModel

/// What a child's packets into the tunnel need to know. Small, since there is one for each prefix of each child.
struct TunnelWay: Hashable {
    /// The source address of this host's own packets; nil leaves it to the kernel.
    let source: IPAddress?
    private let bytes: UInt16
    /// True if the interface must have the source address too, because another one has it.
    let needsAddress: Bool
    /// True if it is for packets that are only held back.
    let isTrap: Bool

    /// The largest packet in bytes.
    var mtu: Int { Int(self.bytes) }

    /// The way of packets of at most `mtu` bytes; no IP packet has more than 65,535.
    init(mtu: Int, source: IPAddress?, isTrap: Bool = false, needsAddress: Bool = false) {
        self.source = source
        self.bytes = UInt16(clamping: mtu)
        self.needsAddress = needsAddress
        self.isTrap = isTrap
    }
}

/// The ways that children want for one prefix, by reqid: nearly always it is one child.
struct TunnelWays: Hashable {
    private struct Claim: Hashable {
        let reqid: UInt32
        let way: TunnelWay
    }

    private var first: Claim?
    private var others: [Claim] = []

    /// True if no child wants any.
    var isEmpty: Bool { self.first == nil && self.others.isEmpty }

    /// True if one of the children that want one, which are named by their reqids, is meant.
    func contains(_ isMeant: (UInt32) -> Bool) -> Bool {
        if let first, isMeant(first.reqid) { return true }
        return self.others.contains { isMeant($0.reqid) }
    }

    /// The way of the child with `reqid`.
    subscript(reqid: UInt32) -> TunnelWay? {
        get {
            if let first, first.reqid == reqid { return first.way }
            return self.others.first { $0.reqid == reqid }?.way
        }
        set {
            if self.first?.reqid == reqid {
                self.first = self.others.popLast()
            } else if let index = self.others.firstIndex(where: { $0.reqid == reqid }) {
                self.others.remove(at: index)
            }
            guard let newValue else { return }
            let claim = Claim(reqid: reqid, way: newValue)
            if self.first == nil { self.first = claim } else { self.others.append(claim) }
        }
    }

    /// The one way that does for all of them: with the smallest MTU, and with the source of the lowest reqid
    /// that has one, so that it does not depend on who came first. What is only held back has no say in that.
    func hop(interface: UInt32) -> Route.Hop? {
        let carried = self.all.filter { !$0.way.isTrap }
        let counted = carried.isEmpty ? self.all : carried
        guard let mtu = counted.map(\.way.mtu).min() else { return nil }
        let source = counted.filter { $0.way.source != nil }.min { $0.reqid < $1.reqid }?.way.source
        return Route.Hop(interface: interface, preferredSource: source, mtu: mtu)
    }

    private var all: [Claim] { (self.first.map { [$0] } ?? []) + self.others }
}
