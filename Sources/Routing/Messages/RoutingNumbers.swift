/// How routes and rules of ours are told from everybody else's.
package struct RoutingNumbers: Hashable, Sendable {
    /// The table of our routes. The kernel's own are 253 to 255.
    package var table: UInt32
    /// Who made a route or a rule (RTPROT_…): with 67, `ip route show table all proto 67` lists ours.
    package var origin: UInt8
    /// Packets with this mark are our own outer packets, and never look into the table.
    package var mark: UInt32
    /// When the table is asked: after the table `local` (0) and before `main` (32766). The number before it is ours too.
    package var priority: UInt32

    /// When it is asked which packets stay outside: just before the table.
    var priorityOutside: UInt32 { max(self.priority, 1) - 1 }

    /// The numbers for one engine. Two engines on one host need different tables, origins and priorities.
    package init(
        table: UInt32 = 17_238, origin: UInt8 = 67, mark: UInt32 = 0x4356_0001, priority: UInt32 = 17_238
    ) {
        self.table = table
        self.origin = origin
        self.mark = mark
        self.priority = priority
    }
}
