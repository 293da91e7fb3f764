/// Request IDs tie the kernel's policies to its states.
package enum ReqID {
    /// The ones that we choose: whatever has one of these in the kernel is ours, also after a crash.
    ///
    /// 0x43560000 is "CV": other daemons count up from 1.
    package static let range: ClosedRange<UInt32> = 0x4356_0000...0x4356_ffff
}
