/// What happens to packets on the way.
package struct LinkConditions: Hashable, Sendable {
    /// How long a packet takes at least.
    package var delay: Duration = .milliseconds(5)
    /// By how much more it may take, by chance; more than the gap between packets reorders them.
    package var jitter: Duration = .zero
    /// The part of packets that is lost.
    package var loss = 0.0
    /// The part of packets that comes twice.
    package var duplication = 0.0
    /// Octets of the largest IP packet that crosses in one piece; nil for any.
    package var mtu: Int?
    /// True if larger packets cross as IP fragments, each of which may be lost; false if they are lost, as behind many
    /// firewalls (RFC 7383 §1).
    package var carriesFragments = true

    /// A link that loses nothing and keeps the order.
    package init() {}

    /// A bad line: a fifth lost, a tenth doubled, order by chance.
    package static let bad: LinkConditions = {
        var conditions = LinkConditions()
        conditions.jitter = .milliseconds(400)
        conditions.loss = 0.2
        conditions.duplication = 0.1
        return conditions
    }()

    /// In how many pieces a packet crosses; nil if it does not.
    func pieces(of datagram: Datagram) -> Int? {
        guard let mtu = self.mtu, datagram.packetLength > mtu else { return 1 }
        // All fragments but the last carry a multiple of eight octets (RFC 791 §3.2).
        let room = (mtu - datagram.ipHeaderLength) / 8 * 8
        guard self.carriesFragments, room > 0 else { return nil }
        return (datagram.packetLength - datagram.ipHeaderLength + room - 1) / room
    }
}
