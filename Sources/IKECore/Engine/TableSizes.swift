/// How much the tables of an engine hold. What stands determines it: a gateway that runs for months must not collect
/// anything.
package struct TableSizes: Hashable, Sendable {
    /// IKE_SAs in all phases.
    package let ikeSAs: Int
    /// Those of them that wait for their IKE_AUTH.
    package let halfOpenIKESAs: Int
    /// IKE_SA_INIT requests whose key exchange is under way; they count as half-open too.
    package let keyAgreements: Int
    /// Attempts that wait for the answer to their IKE_SA_INIT.
    package let initiations: Int
    /// IKE_SAs that are to come of rekeyings we have begun.
    package let successors: Int
    /// IKE_SAs that we begin in place of others, or have begun a short while ago.
    package let reauthentications: Int
    /// CHILD_SAs that are found by their inbound SPI.
    package let children: Int
    /// Reqids in use.
    package let reqids: Int
    /// Connections that something is done about, and by what they are found.
    package let kept: Int
    package let keptNames: Int
    /// Policies that hold packets back.
    package let traps: Int
    /// CHILD_SAs that wait with sending until another has ended.
    package let heirs: Int
    /// Answers that somebody waits for: of the data plane, and to questions for the way to a peer.
    package let awaitedReplies: Int
    package let pathSearches: Int
    /// What all IKE_SAs have noted of their own: fragments, CHILD_SAs that the peer refuses, what is to be done.
    package let notes: Int
    /// Entries of the queues of deadlines, stale ones as well.
    package let deadlines: Int
}

extension IKEEngine {
    /// How much its tables hold.
    package var tableSizes: TableSizes {
        TableSizes(
            ikeSAs: self.context.directory.count, halfOpenIKESAs: self.context.directory.halfOpenCount.total,
            keyAgreements: self.context.agreements.count, initiations: self.initiations.count,
            successors: self.context.directory.successorSPIs.count,
            reauthentications: self.context.reauthentications.count,
            children: self.context.directory.childCount, reqids: self.context.reqids.count,
            kept: self.keeper.entries.count, keptNames: self.keeper.names.count + self.keeper.searches.count,
            traps: self.traps.count, heirs: self.context.heirs.count,
            awaitedReplies: self.context.waitingCount, pathSearches: self.context.pathSearchCount,
            notes: self.context.directory.all.reduce(0) { $0 + $1.noteCount },
            deadlines: self.deadlines.count + self.keeper.deadlineCount)
    }
}

extension IKESA {
    /// How many notes it keeps that come and go.
    fileprivate var noteCount: Int {
        self.refusedChildren.count + self.replaced.count + self.agenda.items.count
            + self.pendingActivations.count
            + self.pendingChecks.count + self.endedChildren.count + (self.fragments.deadline == nil ? 0 : 1)
    }
}
