internal import ESPCore
internal import IPsecModel
internal import LinuxIO

// The halves that send, and the sockets that they send by.
extension UserspaceDataPlane {
    /// The half that sends to `identifier`, if it is installed.
    func sender(_ reqid: UInt32, _ identifier: SAIdentifier) -> OutboundEntry? {
        if let newest = self.outbound.entries[reqid], newest.identifier == identifier { return newest }
        return self.olderSenders[reqid]?.first { $0.identifier == identifier }
    }

    /// The sending half of `child`, if it has one that is installed.
    func sender(of child: ChildSASpec) -> OutboundEntry? {
        guard child.hasOutboundHalf else { return nil }
        return self.sender(
            child.reqid, SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address))
    }

    /// The newest half of a reqid sends from now on, in place of the one that did.
    func add(_ sender: OutboundEntry) {
        if let replaced = self.outbound.entries[sender.reqid] {
            self.olderSenders[sender.reqid, default: []].append(replaced)
        }
        self.outbound.entries[sender.reqid] = sender
    }

    /// Puts `new` in the place of `old`; without one the next older half sends again, if `old` did.
    func replace(_ old: OutboundEntry, by new: OutboundEntry?) {
        let reqid = old.reqid
        if self.outbound.entries[reqid] === old {
            self.outbound.entries[reqid] = new ?? self.olderSenders[reqid]?.popLast()
        } else if let index = self.olderSenders[reqid]?.firstIndex(where: { $0 === old }) {
            self.olderSenders[reqid]?.replaceSubrange(index...index, with: new.map { [$0] } ?? [])
        }
        if self.olderSenders[reqid]?.isEmpty == true { self.olderSenders[reqid] = nil }
    }

    /// The socket of `route` alone, for one more half that sends by it.
    func socket(for route: TunnelRoute) -> PacketSocket? {
        // Until it is connected such a socket takes what comes from anybody: it is not begun where that must fail.
        let (local, remote) = (route.source.endpoint.address, route.destination.endpoint.address)
        guard Host.pathMTU(from: local, to: remote, mark: TunnelInterface.mark) != nil else { return nil }
        do throws(IOFault) {
            return try self.paths.join(route, self.sockets)
        } catch {
            if !self.hasNotedSharing {
                self.hasNotedSharing = true
                self.control.put(note: "a path has no socket of its own and shares one with others: \(error)")
            }
            return nil
        }
    }

    /// A half sends by its path no more. If nobody else does, the path's socket leaves.
    func leavePath(of sender: OutboundEntry) {
        guard sender.socket != nil, let socket = self.paths.leave(sender.route) else { return }
        self.surroundings.leaving.add(socket)
    }

    /// Tells the inbound worker which paths have sockets of their own, if that has changed.
    func postSockets() {
        let sockets = self.paths.all
        let isSame =
            sockets.count == self.inbound.sockets.count
            && sockets.allSatisfy { one in self.inbound.sockets.contains { $0 === one } }
        guard !isSame else { return }
        self.inbound.sockets = sockets
        self.inboundMail.post(self.inbound)
    }
}
