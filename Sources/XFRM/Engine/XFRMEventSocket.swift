internal import CLinux
package import IPsecModel
internal import LinuxIO
internal import Netlink

/// Hears what happens to states and policies: moved peers, expiry, packets without an SA, foreign deletions.
package final class XFRMEventSocket {
    private let descriptor: NetlinkDescriptor
    private let ownPortID: UInt32

    /// Datagrams that one call of `drain` reads at most; with more, the descriptor is still readable.
    private static let batch = 256

    /// Joins the groups. What requests with `ownPortID` cause is not reported.
    init(ownPortID: UInt32) throws(KernelFault) {
        self.ownPortID = ownPortID
        do throws(IOFault) {
            self.descriptor = try NetlinkDescriptor(.xfrm, groups: XFRMGroup.allCases.map(\.group))
        } catch {
            throw KernelFault(error, .xfrm)
        }
    }

    /// Lends the descriptor's number, to wait for events with.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.descriptor.number)
    }

    /// What has happened since the last call.
    ///
    /// `.overflow`, once, stands for events that were lost or that we cannot read.
    package func drain() -> [DataPlaneEvent] {
        var events: [DataPlaneEvent] = []
        var hasLost = false
        for _ in 0..<Self.batch {
            do throws(IOFault) {
                let heard = try self.descriptor.receive { bytes throws(MalformedMessage) in
                    try Self.events(in: bytes, ownPortID: self.ownPortID)
                }
                switch heard {
                // A moved peer is reported with each of its packets.
                case .success(let heard):
                    for event in heard where event != events.last { events.append(event) }
                case .failure: hasLost = true
                }
            } catch {
                if error.wouldBlock { break }
                // ENOBUFS; any other error leaves us as ignorant.
                hasLost = true
                guard error.isOverflow else { break }
            }
        }
        let overflows = events.contains(.overflow) || hasLost
        events.removeAll { $0 == .overflow }
        return events + (overflows ? [.overflow] : [])
    }

    /// The events in one datagram.
    static func events(
        in datagram: ArraySlice<UInt8>, ownPortID: UInt32
    ) throws(MalformedMessage) -> [DataPlaneEvent] {
        var events: [DataPlaneEvent] = []
        for message in try NetlinkMessage.parse(datagram) {
            if let event = try KernelEvent.decode(message, ownPortID: ownPortID) { events.append(event) }
        }
        return events
    }
}
