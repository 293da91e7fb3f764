package import IPsecModel
internal import LinuxIO
internal import Netlink

// How an SA follows its peer, on Linux 6.1:
//
// - UPDSA changes the UDP ports of a state and leaves its sequence number and its replay window alone. It says
//   yes to another source address as well, and ignores it.
// - Two states cannot share SPI and destination, so a receiving state with another source address must go before
//   its successor can come.
//
// Hence a change of ports is one UPDSA per state, and a change of address is "delete, then re-create". What the
// new state begins with is what the old one ended with: the kernel's DELSA notification describes the state after
// its death, when no packet can raise its sequence number any more. So no number, and with it no nonce, is used
// twice, and no packet is accepted twice. Packets of the children that pass in between are dropped, never
// sent in clear: the policies stand.

extension KernelDataPlane {
    package func move(_ children: [ChildSASpec], to path: Path) throws(KernelFault) {
        var done: [Step] = []
        do throws(KernelFault) {
            for step in try self.steps(for: children, to: path) {
                try self.perform(step)
                done.append(step)
            }
        } catch {
            throw self.undo(done, after: error)
        }
        for child in children { self.recordMove(ofReqid: child.reqid, to: path) }
    }

    /// One reversible change.
    private enum Step {
        case changePorts(from: KernelState, to: KernelState)
        case recreate(from: KernelState, to: KernelState)
        case replace(KernelPolicy, with: KernelPolicy)

        var reversed: Step {
            switch self {
            case .changePorts(let old, let new): return .changePorts(from: new, to: old)
            case .recreate(let old, let new): return .recreate(from: new, to: old)
            case .replace(let old, let new): return .replace(new, with: old)
            }
        }
    }

    /// States first: as long as their policies name the old address, nothing is sent from a state half moved.
    private func steps(for children: [ChildSASpec], to path: Path) throws(KernelFault) -> [Step] {
        var steps: [Step] = []
        for child in children {
            steps += Self.step(
                from: KernelState(inboundOf: child, on: child.path),
                to: KernelState(inboundOf: child, on: path))
            guard child.hasOutboundHalf else { continue }
            steps += Self.step(
                from: KernelState(outboundOf: child, on: child.path),
                to: KernelState(outboundOf: child, on: path))
        }
        for reqid in Set(children.map(\.reqid)).sorted() {
            for policy in self.policies[reqid] ?? [] {
                let moved = policy.moved(to: path)
                if moved != policy { steps.append(.replace(policy, with: moved)) }
            }
        }
        return steps
    }

    private static func step(from old: KernelState, to new: KernelState) -> [Step] {
        let isInPlace =
            old.identifier == new.identifier && old.source == new.source
            && (old.encapsulation == nil) == (new.encapsulation == nil)
        guard isInPlace else { return [.recreate(from: old, to: new)] }
        return old.encapsulation == new.encapsulation ? [] : [.changePorts(from: old, to: new)]
    }

    private func perform(_ step: Step) throws(KernelFault) {
        switch step {
        case .changePorts(_, let new):
            do throws(KernelFault) {
                try self.send(.updateSA, new)
            } catch {
                try Self.passOver(error)
            }
        case .recreate(let old, let new): try self.recreate(old, as: new)
        case .replace(_, let new):
            try self.kernel.transact(new.request(.updatePolicy), on: "\(new)")
        }
    }

    /// A half that is not there any more has nothing to move; its expiry is reported by an event.
    private static func passOver(_ fault: KernelFault) throws(KernelFault) {
        guard fault.errno == Errno.noProcess else { throw fault }
    }

    /// Goes back, the last step first, and returns the fault to report.
    private func undo(_ done: [Step], after cause: KernelFault) -> KernelFault {
        var failures = 0
        for step in done.reversed() {
            let fault = self.attempt { () throws(KernelFault) in try self.perform(step.reversed) }
            if fault != nil { failures += 1 }
        }
        guard failures > 0 else { return cause }
        return KernelFault(
            operation: cause.operation, object: cause.object, errno: cause.errno,
            text:
                "\(cause.text); \(failures) of \(done.count) changes could not be undone: these SAs are broken"
        )
    }

    private func recreate(_ old: KernelState, as new: KernelState) throws(KernelFault) {
        let before: StateSnapshot
        do throws(KernelFault) {
            before = try self.snapshot(old.identifier)
        } catch {
            return try Self.passOver(error)
        }
        let last = try self.deleteAndHear(old.identifier) ?? before.withHeadroom
        do throws(KernelFault) {
            try self.send(.newSA, new.resuming(last))
        } catch {
            let cause = error
            guard
                let fault = self.attempt({ () throws(KernelFault) in
                    try self.send(.newSA, old.resuming(last))
                })
            else { throw cause }
            throw KernelFault(
                operation: cause.operation, object: cause.object, errno: cause.errno,
                text: "\(cause.text); the old state could not be put back: \(fault.text)")
        }
    }

    /// Deletes a state and returns what the kernel says of it afterwards; nil if that was not heard.
    private func deleteAndHear(_ identifier: SAIdentifier) throws(KernelFault) -> StateSnapshot? {
        let listener: NetlinkDescriptor
        do throws(IOFault) {
            listener = try NetlinkDescriptor(.xfrm, groups: [XFRMGroup.states.group])
        } catch {
            throw KernelFault(error, .xfrm, operation: "DELSA", object: "\(identifier)")
        }
        // The notification is queued before the request is acknowledged.
        try self.kernel.transact(KernelState.request(.deleteSA, identifier), on: "\(identifier)")
        return self.lastWords(of: identifier, from: listener)
    }

    /// Finds our deletion of `identifier` among what `listener` has heard of everybody's.
    private func lastWords(of identifier: SAIdentifier, from listener: NetlinkDescriptor) -> StateSnapshot? {
        for _ in 0..<Self.notifications {
            let snapshot: Result<StateSnapshot?, MalformedMessage>
            do throws(IOFault) {
                snapshot = try listener.receive { bytes throws(MalformedMessage) in
                    for message in try NetlinkMessage.parse(bytes)
                    where message.type == XFRMMessageType.deleteSA.rawValue
                        && message.portID == self.kernel.portID && message.sequence == self.kernel.sequence
                    { return try StateSnapshot(deletion: message.payload) }
                    return nil
                }
            } catch {
                return nil
            }
            switch snapshot {
            case .success(let found?) where found.identifier == identifier: return found
            case .success, .failure: continue
            }
        }
        return nil
    }

    /// Foreign notifications that may come before ours; the listener lives for one deletion only.
    private static var notifications: Int { 4_096 }

    private func recordMove(ofReqid reqid: UInt32, to path: Path) {
        self.policies[reqid] = self.policies[reqid]?.map { $0.moved(to: path) }
    }
}

extension KernelPolicy {
    /// The same policy with the outer addresses of `path`.
    func moved(to path: Path) -> KernelPolicy {
        let isOutbound = self.direction == .outbound
        var moved = self
        moved.template.source = isOutbound ? path.local.address : path.remote.address
        moved.template.destination = isOutbound ? path.remote.address : path.local.address
        return moved
    }
}

extension KernelState {
    /// The same state, going on where `snapshot` ends: sequence numbers, replay window, counters and age.
    func resuming(_ snapshot: StateSnapshot) -> KernelState {
        var state = self
        state.resumption = Resumption(replay: snapshot.replay, counters: snapshot.counters)
        return state
    }
}

extension StateSnapshot {
    /// The same snapshot, so far ahead that what was sent after it cannot reach it: about a million packets. A
    /// counter that has no room left stops the SA, which is better than a number used twice.
    var withHeadroom: StateSnapshot {
        var snapshot = self
        let limit: UInt64 = self.replay.isLong ? .max : UInt64(UInt32.max)
        let (sum, overflow) = self.replay.outbound.addingReportingOverflow(1 << 20)
        snapshot.replay.outbound = overflow ? limit : min(sum, limit)
        return snapshot
    }
}
