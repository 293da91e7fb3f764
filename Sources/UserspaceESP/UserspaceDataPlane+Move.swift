internal import ESPCore
package import IPsecModel
internal import LinuxIO

extension UserspaceDataPlane {
    /// The SAs stay, with their sequence numbers and replay windows: only the entries that say where their packets go
    /// are replaced, all at once.
    package func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault) {
        try self.moveRoutes(of: children, to: path)
        for child in children {
            self.moveReceiver(child, to: path)
            self.moveSender(child, to: path)
            self.noteNarrowness(of: child, on: path)
        }
        self.inboundMail.post(self.inbound)
        self.outboundMail.post(self.outbound)
    }

    /// All or none.
    private func moveRoutes(of children: [ChildSASpec], to path: Path) throws(KernelFault) {
        var moved: [ChildSASpec] = []
        do throws(KernelFault) {
            for child in children {
                try self.interface.update(child, on: path, mtu: self.mtu(of: child, on: path).limit(.v4))
                moved.append(child)
            }
        } catch {
            let cause = error
            for child in moved {
                do throws(KernelFault) {
                    try self.interface.update(
                        child, on: child.path, mtu: self.mtu(of: child, on: child.path).limit(.v4))
                } catch {
                    // The first fault is the one to report; what stays is a route with the MTU of the other path.
                }
            }
            throw cause
        }
    }

    private func moveReceiver(_ child: ChildSASpec, to path: Path) {
        guard let old = self.inbound.entries[child.inboundSPI.number] else { return }
        let entry = InboundEntry(
            identifier: SAIdentifier(spi: child.inboundSPI, destination: path.local.address),
            reqid: old.reqid, sa: old.sa, counters: old.counters, peer: path.remote,
            mtu: self.mtu(of: child, on: path))
        self.inbound.entries[child.inboundSPI.number] = entry
    }

    private func moveSender(_ child: ChildSASpec, to path: Path) {
        guard child.hasOutboundHalf else { return }
        let identifier = SAIdentifier(spi: child.outboundSPI, destination: child.path.remote.address)
        guard let index = self.senders[child.reqid]?.firstIndex(where: { $0.identifier == identifier }),
            let old = self.senders[child.reqid]?[index]
        else { return }
        self.senders[child.reqid]?[index] = OutboundEntry(
            identifier: SAIdentifier(spi: child.outboundSPI, destination: path.remote.address),
            reqid: old.reqid, sa: old.sa, counters: old.counters, route: TunnelRoute(path),
            mtu: self.mtu(of: child, on: path))
        self.outbound.entries[child.reqid] = self.senders[child.reqid]?.last
    }
}

// What installing and moving share.
extension UserspaceDataPlane {
    /// How much fits into the tunnel on `path`, as far as the kernel knows now.
    func mtu(of child: ChildSASpec, on path: Path) -> TunnelMTU {
        TunnelMTU(
            path: self.pathMTU(path), outer: path.remote.address.family,
            isEncapsulatedInUDP: path.usesUDPEncapsulation,
            ivLength: child.suite.protection.espIVLength, icvLength: child.suite.protection.espICVLength,
            alignment: child.suite.protection.espAlignment)
    }

    /// Says once that a path leaves less room than IP needs, and what is done about it.
    func noteNarrowness(of child: ChildSASpec, on path: Path) {
        let mtu = self.mtu(of: child, on: path)
        let needs: String
        switch mtu.shortage {
        case .none:
            self.narrowPaths[child.reqid] = nil
            return
        case .ipv6: needs = "IPv6 needs (\(TunnelMTU.minimumIPv6))"
        case .both: needs = "IPv4 and IPv6 need (\(TunnelMTU.minimumIPv4), \(TunnelMTU.minimumIPv6))"
        }
        let room = self.pathMTU(path)
        guard self.narrowPaths.updateValue(room, forKey: child.reqid) != room else { return }
        self.control.put(
            note: "the path to \(path.remote) carries packets of \(room) bytes, which leaves \(mtu.capacity) "
                + "inside the tunnel, fewer than \(needs): longer ones travel as fragments of ESP")
    }

    /// Without a route to the peer the usual: the next path will tell.
    func pathMTU(_ path: Path) -> Int {
        Host.pathMTU(
            from: path.local.address, to: path.remote.address, mark: TunnelInterface.mark) ?? 1_500
    }

    package func tunnelSize(_ child: ChildSASpec) -> TunnelSize? {
        guard let entry = self.inbound.entries[child.inboundSPI.number] else { return nil }
        return TunnelSize(
            inner: entry.mtu.limit(.v4), path: self.pathMTU(child.path),
            mss: Int(entry.mtu.maximumSegmentSize(.v4)))
    }

    /// The half that sends to `identifier`, if it is installed.
    func sender(_ reqid: UInt32, _ identifier: SAIdentifier) -> OutboundEntry? {
        self.senders[reqid]?.first { $0.identifier == identifier }
    }

    /// The newest half of `reqid` sends from now on.
    func postSender(of reqid: UInt32) {
        if self.senders[reqid]?.isEmpty == true { self.senders[reqid] = nil }
        self.outbound.entries[reqid] = self.senders[reqid]?.last
        self.outboundMail.post(self.outbound)
    }

    func transform(
        _ child: ChildSASpec, _ keys: ESPKeys, _ direction: ESPDirection, _ identifier: SAIdentifier
    ) throws(KernelFault) -> any ESPTransform {
        do throws(CryptoFault) {
            return try self.provider.transform(child.suite, keys: keys, direction)
        } catch {
            throw KernelFault(
                operation: "make cipher", object: "\(identifier)", errno: Errno.notImplemented,
                text: "\(error)")
        }
    }

    static func tooManySelectors(_ child: ChildSASpec) -> KernelFault {
        KernelFault(
            operation: "install policies", object: "reqid \(child.reqid)", errno: Errno.invalid,
            text:
                "\(child.localSelectors.count) local and \(child.remoteSelectors.count) remote selectors make more "
                + "than \(SelectorTable.pairLimit) pairs")
    }

    static func exists(_ operation: String, _ identifier: SAIdentifier) -> KernelFault {
        KernelFault(
            operation: operation, object: "\(identifier)", errno: Errno.exists,
            text: "there is an SA with this SPI already")
    }
}
