internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// Carries out the engine's requests to the data plane, and undoes what is half done.
struct DataPlaneDriver {
    let dataPlane: any DataPlane
    let log: EventLog
    /// Seconds since 1970.
    var wallClock: () -> UInt64 = { Host.wallClockSeconds }

    /// The answer, or nil if the engine expects none.
    func perform(_ request: DataPlaneRequest) -> DataPlaneReply? {
        switch request.operation {
        case .allocateSPI(let local, let remote, let reqid):
            do throws(KernelFault) {
                return .spi(try self.dataPlane.allocateSPI(local: local, remote: remote, reqid: reqid))
            } catch { return .failed(error) }
        case .releaseSPI(let spi, let local):
            self.dataPlane.releaseSPI(spi, local: local)
            return nil
        case .install(let child, let steps): return self.install(child, steps)
        case .remove(let child, let withPolicies):
            self.remove(child, withPolicies: withPolicies)
            return nil
        case .installTrap(let trap):
            self.attempt { () throws(KernelFault) in try self.dataPlane.installTrap(trap) }
            return nil
        case .removeTrap(let trap):
            self.attempt { () throws(KernelFault) in try self.dataPlane.removeTrap(trap) }
            return nil
        case .check(let child):
            do throws(KernelFault) {
                _ = try self.dataPlane.statistics(child)
                return .done
            } catch {
                // Only "there is no such state" says that it is gone; anything else says nothing.
                return error.errno == Errno.noProcess ? .failed(error) : .done
            }
        case .traffic(let children): return .traffic(self.traffic(of: children))
        case .move(let children, let path):
            do throws(KernelFault) {
                try self.dataPlane.move(children, to: path)
                return .done
            } catch { return .failed(error) }
        }
    }

    private func traffic(of children: [ChildSASpec]) -> [ESPTraffic] {
        let now = self.wallClock()
        return children.compactMap { child in
            do throws(KernelFault) {
                let counters = try self.dataPlane.statistics(child)
                return ESPTraffic(
                    inboundSPI: child.inboundSPI, packetsIn: counters.inbound.packets,
                    lastIn: Self.age(of: counters.inbound.lastUse, now),
                    lastOut: Self.age(of: counters.outbound.lastUse, now))
            } catch {
                // A half that is gone carries nothing.
                return nil
            }
        }
    }

    /// Nil if nothing is known, or if the clock was set back since: it must not make a dead peer look alive.
    private static func age(of lastUse: UInt64?, _ now: UInt64) -> Duration? {
        guard let lastUse, lastUse <= now else { return nil }
        return .seconds(Int64(clamping: now - lastUse))
    }

    /// All or none: what was done before the step that failed is undone, and nothing else is touched. The
    /// peer chose the outbound SPI, so the state that stands in the way of ours may be another peer's.
    private func install(_ child: ChildSASpec, _ steps: [InstallationStep]) -> DataPlaneReply {
        var done: [InstallationStep] = []
        do throws(KernelFault) {
            for step in steps {
                switch step {
                case .inbound: try self.dataPlane.installInbound(child)
                case .outbound: try self.dataPlane.installOutbound(child)
                case .policies: try self.dataPlane.installPolicies(child)
                }
                done.append(step)
            }
            return .done
        } catch {
            self.undo(done, of: steps, child)
            return .failed(error)
        }
    }

    private func undo(_ done: [InstallationStep], of steps: [InstallationStep], _ child: ChildSASpec) {
        if done.contains(.outbound) {
            self.attempt { () throws(KernelFault) in try self.dataPlane.removeStates(child) }
        } else if steps.contains(.inbound) {
            // Installed or still only reserved, the SPI is ours.
            self.dataPlane.releaseSPI(child.inboundSPI, local: child.path.local.address)
        }
        if done.contains(.policies) {
            self.attempt { () throws(KernelFault) in try self.dataPlane.removePolicies(child) }
        }
    }

    private func remove(_ child: ChildSASpec, withPolicies: Bool) {
        // Policies last: without states they keep packets from leaving in clear.
        self.attempt { () throws(KernelFault) in try self.dataPlane.removeStates(child) }
        if withPolicies {
            self.attempt { () throws(KernelFault) in try self.dataPlane.removePolicies(child) }
        }
    }

    /// Nobody waits for these; what fails is logged, and goes at the next start at the latest.
    private func attempt(_ body: () throws(KernelFault) -> Void) {
        do throws(KernelFault) { try body() } catch { self.log.warning("data plane: \(error)") }
    }
}
