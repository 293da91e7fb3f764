internal import ESPCore
package import IPsecModel
internal import LinuxIO

extension UserspaceDataPlane {
    /// The SAs stay, with their sequence numbers and replay windows: only the entries that say where their packets go
    /// are replaced, all at once.
    package func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault) {
        // Asked once: it is the same path for all.
        let bytes = self.pathMTU(path)
        try self.moveRoutes(of: children, to: path, carrying: bytes)
        // All leave before any joins: together they may free the place that they need.
        for child in children { self.sender(of: child).map(self.leavePath) }
        for child in children {
            let mtu = Self.mtu(of: child, on: path, carrying: bytes)
            self.moveReceiver(child, to: path, mtu)
            self.moveSender(child, to: path, mtu)
            self.noteNarrowness(of: child, mtu, on: path)
        }
        self.inbound.sockets = self.paths.all
        self.inboundMail.post(self.inbound)
        self.outboundMail.post(self.outbound)
    }

    /// All or none.
    private func moveRoutes(
        of children: [ChildSASpec], to path: Path, carrying bytes: Int
    ) throws(KernelFault) {
        var moved: [ChildSASpec] = []
        do throws(KernelFault) {
            for child in children {
                let mtu = Self.mtu(of: child, on: path, carrying: bytes)
                try self.interface.update(child, on: path, mtu: mtu.limit(.v4))
                moved.append(child)
            }
        } catch {
            let cause = error
            for child in moved {
                do throws(KernelFault) {
                    try self.interface.update(child, on: child.path, mtu: self.mtu(of: child).limit(.v4))
                } catch {
                    // The first fault is the one to report; what stays is a route with the MTU of the other path.
                }
            }
            throw cause
        }
    }

    private func moveReceiver(_ child: ChildSASpec, to path: Path, _ mtu: TunnelMTU) {
        guard let old = self.inbound.entries[child.inboundSPI.number] else { return }
        self.inbound.entries[child.inboundSPI.number] = InboundEntry(
            reqid: old.reqid, sa: old.sa, counters: old.counters, path: path, mtu: mtu)
    }

    private func moveSender(_ child: ChildSASpec, to path: Path, _ mtu: TunnelMTU) {
        guard let old = self.sender(of: child) else { return }
        let route = TunnelRoute(path)
        self.replace(
            old,
            by: OutboundEntry(
                reqid: old.reqid, sa: old.sa, counters: old.counters, route: route,
                socket: self.socket(for: route), mtu: mtu))
    }
}

// What installing and moving share.
extension UserspaceDataPlane {
    /// How much fits into the tunnel: what its receiving half goes by, or what the kernel knows of the path if there is
    /// none yet.
    func mtu(of child: ChildSASpec) -> TunnelMTU {
        self.inbound.entries[child.inboundSPI.number]?.mtu
            ?? Self.mtu(of: child, on: child.path, carrying: self.pathMTU(child.path))
    }

    /// How much fits into the tunnel on a path that carries packets of `bytes` bytes.
    static func mtu(of child: ChildSASpec, on path: Path, carrying bytes: Int) -> TunnelMTU {
        TunnelMTU(
            path: bytes, outer: path.remote.address.family, isEncapsulatedInUDP: path.usesUDPEncapsulation,
            protection: child.suite.protection)
    }

    /// Says once that a path leaves less room than IP needs, and what is done about it.
    func noteNarrowness(of child: ChildSASpec, _ mtu: TunnelMTU, on path: Path) {
        let needs: String
        switch mtu.shortage {
        case .none:
            self.narrowPaths[child.reqid] = nil
            return
        case .ipv6: needs = "IPv6 needs (\(TunnelMTU.minimumIPv6))"
        case .both: needs = "IPv4 and IPv6 need (\(TunnelMTU.minimumIPv4), \(TunnelMTU.minimumIPv6))"
        }
        guard self.narrowPaths.updateValue(mtu.path, forKey: child.reqid) != mtu.path else { return }
        self.control.put(
            note:
                "the path to \(path.remote) carries packets of \(mtu.path) bytes, which leaves \(mtu.capacity) "
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
            inner: entry.mtu.limit(.v4), path: entry.mtu.path,
            mss: Int(entry.mtu.maximumSegmentSize(.v4)))
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

    static func tooManySelectors(
        _ reqid: UInt32, _ local: [TrafficSelector], _ remote: [TrafficSelector]
    ) -> KernelFault {
        KernelFault(
            operation: "install policies", object: "reqid \(reqid)", errno: Errno.invalid,
            text:
                "\(local.count) local and \(remote.count) remote selectors make more "
                + "than \(SelectorTable.pairLimit) pairs")
    }

    static func exists(_ operation: String, _ identifier: SAIdentifier) -> KernelFault {
        KernelFault(
            operation: operation, object: "\(identifier)", errno: Errno.exists,
            text: "there is an SA with this SPI already")
    }
}
