package import IKECore
package import IPsecModel

/// A data plane in memory, which notices when it is told nonsense.
///
/// What a real kernel would refuse it refuses; what a real kernel would silently take, but no correct engine
/// asks for, becomes a violation.
package final class FakeKernel {
    /// One half of a CHILD_SA.
    package struct State {
        /// The CHILD_SA.
        package let reqid: UInt32
        /// The algorithms.
        package let suite: ESPSuite
        /// The keys of this half.
        package let keys: ESPKeys
        /// Where its packets come from or go to.
        package internal(set) var path: Path
        /// The inbound SPI of the CHILD_SA.
        package let inboundSPI: ESPSPI
        /// Counts installations.
        let serial: Int
        /// The last sequence number that was sent, or the highest that came.
        package internal(set) var sequence: UInt32 = 0
        /// When a packet last passed.
        package internal(set) var lastUse: Instant?
    }

    /// What steers packets into a CHILD_SA.
    package struct PolicySet: Hashable {
        /// Inner packets' addresses on our side.
        package let local: [TrafficSelector]
        /// The same on the peer's side.
        package let remote: [TrafficSelector]
        /// Our networks, whatever part of them the peer has chosen.
        package let ownNetworks: [TrafficSelector]
    }

    /// A kind of request, for telling the kernel to fail.
    package enum Kind: Hashable, Sendable {
        case allocateSPI
        case install
        case installOutbound
        case move
        case traffic
    }

    /// The halves that receive, by our SPI.
    package internal(set) var inbound: [ESPSPI: State] = [:]
    /// The halves that send.
    package internal(set) var outbound: [SAIdentifier: State] = [:]
    /// The half that a reqid's policies send with: the one installed last.
    package internal(set) var sending: [UInt32: SAIdentifier] = [:]
    /// Policies by reqid.
    package private(set) var policies: [UInt32: PolicySet] = [:]
    /// Policies that only hold packets back, by reqid.
    package private(set) var traps: [UInt32: TrapPolicy] = [:]
    /// False once the last trap has gone while a new one was still to come, or none: a moment without a policy.
    package private(set) var hasAlwaysTrapped = true
    /// SPIs that were allocated and not installed yet, with their reqid.
    package private(set) var reserved: [ESPSPI: UInt32] = [:]
    /// What no correct engine asks for.
    package var violations: [String] { self.past + self.leftovers }
    private var past: [String] = []
    /// Requests that fail from now on.
    package var failing: Set<Kind> = []
    /// The time, which its host tells it.
    package var now = Instant.origin
    /// False for a kernel that counts packets, but does not know when the last one came (Linux before 6.2).
    package var tellsLastUse = true
    /// How often it was asked what CHILD_SAs carry.
    package private(set) var looks = 0
    /// How many moves were made.
    package private(set) var moves = 0
    private var nextSPI: UInt32
    private var installations = 0

    /// A kernel without states. One that starts anew must have other SPIs than before, as chance would have it.
    package init(firstSPI: UInt32 = 0xc000_0001) {
        self.nextSPI = firstSPI
    }

    /// True if nothing is left of anything but traps.
    package var isEmpty: Bool {
        self.inbound.isEmpty && self.outbound.isEmpty && self.policies.isEmpty && self.reserved.isEmpty
    }

    /// Carries a request out; nil if it gets no answer.
    package func handle(_ operation: DataPlaneRequest.Operation) -> DataPlaneReply? {
        switch operation {
        case .allocateSPI(_, _, let reqid):
            guard !self.failing.contains(.allocateSPI) else { return Self.failed("ALLOCSPI") }
            defer { self.nextSPI += 1 }
            let spi = ESPSPI(self.nextSPI)
            self.reserved[spi] = reqid
            return .spi(spi)
        case .releaseSPI(let spi, _):
            // Giving back what is installed would tear a CHILD_SA apart.
            if self.inbound[spi] != nil { self.violate("SPI \(spi) is given back while it is installed") }
            self.reserved[spi] = nil
            return nil
        case .install(let child, let steps): return self.install(child, steps)
        case .remove(let child, let withPolicies):
            self.remove(child, withPolicies: withPolicies)
            return nil
        case .installTrap(let trap):
            if self.policies[trap.reqid] != nil { self.violate("a CHILD_SA has the reqid of a trap") }
            self.traps[trap.reqid] = trap
            return nil
        case .removeTrap(let trap):
            if self.traps.removeValue(forKey: trap.reqid) == nil {
                self.violate("trap \(trap.reqid) is removed, but is not there")
            }
            if self.traps.isEmpty { self.hasAlwaysTrapped = false }
            return nil
        case .check(let child):
            return self.inbound[child.inboundSPI] == nil ? Self.failed("GETSA", errno: 3) : .done
        case .traffic(let children):
            self.looks += 1
            return self.failing.contains(.traffic)
                ? Self.failed("GETSA") : .traffic(children.compactMap(self.traffic))
        case .move(let children, let path): return self.move(children, to: path)
        }
    }

    func violate(_ text: String) { self.past.append(text) }

    /// Halves without the other half.
    private var leftovers: [String] {
        self.outbound.filter { self.inbound[$0.value.inboundSPI] == nil }
            .map { "\($0.key) is left behind without its other half" }
            + self.policies.keys.filter { reqid in !self.inbound.values.contains { $0.reqid == reqid } }
            .map { "policies of reqid \($0) are left without a CHILD_SA" }
    }

    private static func failed(_ operation: String, errno: Int32 = 12) -> DataPlaneReply {
        .failed(KernelFault(operation: operation, object: "test", errno: errno, text: "told to fail"))
    }

    // MARK: Install and remove

    private func install(_ child: ChildSASpec, _ steps: [InstallationStep]) -> DataPlaneReply {
        let kind: Kind = steps == [.outbound] ? .installOutbound : .install
        guard !self.failing.contains(kind) else { return Self.failed("NEWSA") }
        let identifier = Self.outboundIdentifier(child, child.path)
        if steps.contains(.outbound), let other = self.outbound[identifier] {
            if other.inboundSPI == child.inboundSPI { self.violate("\(identifier) is installed twice") }
            return Self.failed("NEWSA", errno: 17)
        }
        if steps.contains(.inbound) {
            if self.inbound[child.inboundSPI] != nil {
                self.violate("\(child.inboundSPI) is installed twice")
            }
            // With another reqid than it was allocated with Linux takes it as well.
            if self.reserved[child.inboundSPI] == nil {
                self.violate("\(child.inboundSPI) was not allocated")
            }
        } else if self.inbound[child.inboundSPI] == nil {
            self.violate("\(child.outboundSPI) sends for a CHILD_SA that cannot receive")
        }
        if self.traps[child.reqid] != nil { self.violate("a CHILD_SA has the reqid of a trap") }
        for step in steps {
            switch step {
            case .inbound:
                self.reserved[child.inboundSPI] = nil
                self.inbound[child.inboundSPI] = self.state(child, child.inboundKeys)
            case .outbound:
                self.outbound[identifier] = self.state(child, child.outboundKeys)
                self.sending[child.reqid] = identifier
            case .policies:
                self.policies[child.reqid] = PolicySet(
                    local: child.localSelectors, remote: child.remoteSelectors,
                    ownNetworks: child.ownNetworks)
            }
        }
        Self.note(child, child.path)
        if self.policies[child.reqid] == nil {
            self.violate("reqid \(child.reqid) has states, but no policies")
        }
        return .done
    }

    /// Tells the flight recorder the keys of a CHILD_SA whose packets take this path.
    private static func note(_ child: ChildSASpec, _ path: Path) {
        guard let recorder = FlightRecorder.current else { return }
        let protection = child.suite.protection
        recorder.note(child.inboundSPI, to: path.local.address, protection, child.inboundKeys)
        recorder.note(child.outboundSPI, to: path.remote.address, protection, child.outboundKeys)
    }

    private func state(_ child: ChildSASpec, _ keys: ESPKeys) -> State {
        self.installations += 1
        return State(
            reqid: child.reqid, suite: child.suite, keys: keys, path: child.path,
            inboundSPI: child.inboundSPI, serial: self.installations)
    }

    static func outboundIdentifier(_ child: ChildSASpec, _ path: Path) -> SAIdentifier {
        SAIdentifier(spi: child.outboundSPI, destination: path.remote.address)
    }

    private func remove(_ child: ChildSASpec, withPolicies: Bool) {
        self.inbound[child.inboundSPI] = nil
        self.reserved[child.inboundSPI] = nil
        let identifier = Self.outboundIdentifier(child, child.path)
        // Like a real one, the kernel removes what has this SPI, whoever installed it.
        if child.hasOutboundHalf, let sending = self.outbound.removeValue(forKey: identifier),
            sending.inboundSPI != child.inboundSPI
        {
            self.violate("\(child.outboundSPI) of another CHILD_SA is removed")
        }
        // Like a real one, it then sends with the newest of what is left.
        if self.sending[child.reqid] == identifier {
            self.sending[child.reqid] =
                self.outbound.filter { $0.value.reqid == child.reqid }
                .max { $0.value.serial < $1.value.serial }?.key
        }
        let isUsed = self.inbound.values.contains { $0.reqid == child.reqid }
        if withPolicies {
            if isUsed { self.violate("policies of reqid \(child.reqid) are removed while in use") }
            self.policies[child.reqid] = nil
            self.sending[child.reqid] = nil
        }
    }

    /// A hard expiry: the kernel has dropped the state by itself.
    package func expire(inbound spi: ESPSPI) {
        self.inbound[spi] = nil
    }

    // MARK: Traffic

    private func traffic(of child: ChildSASpec) -> ESPTraffic? {
        guard let receiving = self.inbound[child.inboundSPI] else { return nil }
        let sending = self.outbound[Self.outboundIdentifier(child, child.path)]
        let age = { (state: State?) -> Duration? in
            guard self.tellsLastUse, let lastUse = state?.lastUse else { return nil }
            // Whole seconds, as Linux has them.
            return .seconds(self.now.since(lastUse).wholeSeconds)
        }
        return ESPTraffic(
            inboundSPI: child.inboundSPI, packetsIn: UInt64(receiving.sequence), lastIn: age(receiving),
            lastOut: age(sending))
    }

    // MARK: Move

    private func move(_ children: [ChildSASpec], to path: Path) -> DataPlaneReply {
        for child in children {
            guard let state = self.inbound[child.inboundSPI] else {
                self.violate("\(child.inboundSPI) is to be moved, but is not there")
                return Self.failed("UPDSA", errno: 3)
            }
            if state.path.remote != child.path.remote {
                self.violate("\(child.inboundSPI) is at \(state.path.remote), not \(child.path.remote)")
            }
        }
        guard !self.failing.contains(.move) else { return Self.failed("UPDSA") }
        self.moves += 1
        for child in children {
            self.inbound[child.inboundSPI]?.path = path
            Self.note(child, path)
            guard child.hasOutboundHalf else { continue }
            let old = Self.outboundIdentifier(child, child.path)
            guard var state = self.outbound.removeValue(forKey: old) else { continue }
            state.path = path
            let new = Self.outboundIdentifier(child, path)
            self.outbound[new] = state
            if self.sending[child.reqid] == old { self.sending[child.reqid] = new }
        }
        return .done
    }
}
