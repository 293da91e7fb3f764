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
    /// Answers of the data plane that somebody waits for.
    package let awaitedReplies: Int
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
            awaitedReplies: self.context.waitingCount,
            deadlines: self.deadlines.count + self.keeper.deadlineCount)
    }
}
