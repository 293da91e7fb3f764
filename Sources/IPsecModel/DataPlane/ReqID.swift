/// Request IDs: what ties the states of a CHILD_SA to its policies in the kernel.
package enum ReqID {
    /// The engine takes request IDs from here unless the configuration names one.
    ///
    /// States and policies in this range are ours, whoever installed them: a data plane that starts after a
    /// crash removes them. The upper half spells "CV".
    package static let range: ClosedRange<UInt32> = 0x4356_0000...0x4356_ffff
}
