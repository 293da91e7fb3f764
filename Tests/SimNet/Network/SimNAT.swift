package import IPsecModel

/// A network address and port translator with the behaviours that RFC 4787 names.
package final class SimNAT {
    /// How far a mapping, or a filter, looks at the other side (RFC 4787 §4.1, §5).
    package enum Behaviour: Hashable, Sendable, CaseIterable {
        case endpointIndependent
        case addressDependent
        case addressAndPortDependent
    }

    private struct MappingKey: Hashable {
        let inner: Endpoint
        let remote: Endpoint?
    }

    private struct Mapping {
        let key: MappingKey
        let outer: Endpoint
        var lastUse: Instant
        var permitted: Set<Endpoint>
    }

    /// How mappings are chosen.
    package let mapping: Behaviour
    /// Who may send to a mapping.
    package let filtering: Behaviour
    /// How long a mapping lives without a packet.
    package let timeout: Duration
    /// True to turn packets from inside around that go to the outside address (RFC 4787 §6, REQ-9); false to drop them.
    package let hairpins: Bool
    /// The address that the outside sees.
    package private(set) var outerAddress: IPAddress
    private var nextPort: UInt16
    private var forwards: [UInt16: Endpoint] = [:]
    private var mappings: [Endpoint: Mapping] = [:]
    /// Before this moment no mapping runs out.
    private var nextExpiry = Instant(nanoseconds: .max)

    /// A NAT without mappings. A mapping is refreshed by packets from inside only (RFC 4787 §4.3, REQ-6).
    package init(
        outerAddress: IPAddress, mapping: Behaviour = .addressAndPortDependent,
        filtering: Behaviour = .addressAndPortDependent, timeout: Duration = .seconds(30),
        hairpins: Bool = true, firstPort: UInt16 = 20_000
    ) {
        self.outerAddress = outerAddress
        self.mapping = mapping
        self.filtering = filtering
        self.timeout = timeout
        self.hairpins = hairpins
        self.nextPort = firstPort
    }

    /// Forgets all mappings; new ones get other ports.
    package func reboot() {
        self.mappings.removeAll()
        self.nextPort &+= 1_000
    }

    /// Forgets all mappings and gets another address outside.
    package func changeAddress(to address: IPAddress) {
        self.reboot()
        self.outerAddress = address
    }

    /// Packets to `port` go to `inner` for ever, whoever sends them, and packets from `inner` leave by `port`.
    package func forward(_ port: UInt16, to inner: Endpoint) {
        self.forwards[port] = inner
    }

    /// How many mappings there are.
    package var mappingCount: Int { self.mappings.count }

    /// A packet from inside as the outside sees it; nil if it cannot be translated.
    func outbound(_ datagram: Datagram, now: Instant) -> Datagram? {
        // Two peers behind one NAT could not be told apart: most NATs drop bare ESP.
        guard datagram.kind == .udp else { return nil }
        self.expire(now: now)
        if let port = self.forwards.first(where: { $0.value == datagram.source })?.key {
            var translated = datagram
            translated.source = Endpoint(self.outerAddress, port)
            return translated
        }
        let key = MappingKey(
            inner: datagram.source, remote: Self.view(datagram.destination, self.mapping))
        let outer = self.mappings.values.first { $0.key == key }?.outer ?? self.makeMapping(key, now: now)
        self.mappings[outer]?.lastUse = now
        self.mappings[outer]?.permitted.insert(datagram.destination)
        var translated = datagram
        translated.source = outer
        return translated
    }

    /// A packet from outside as the inside sees it; nil if there is no mapping, or the filter refuses.
    func inbound(_ datagram: Datagram, now: Instant) -> Datagram? {
        self.expire(now: now)
        if datagram.kind == .udp, datagram.destination.address == self.outerAddress,
            let inner = self.forwards[datagram.destination.port]
        {
            var translated = datagram
            translated.destination = inner
            return translated
        }
        guard datagram.kind == .udp, let mapping = self.mappings[datagram.destination] else { return nil }
        let isPermitted = mapping.permitted.contains { known in
            Self.view(known, self.filtering) == Self.view(datagram.source, self.filtering)
        }
        guard isPermitted else { return nil }
        var translated = datagram
        translated.destination = mapping.key.inner
        return translated
    }

    private func makeMapping(_ key: MappingKey, now: Instant) -> Endpoint {
        defer { self.nextPort &+= 1 }
        let outer = Endpoint(self.outerAddress, self.nextPort)
        self.mappings[outer] = Mapping(key: key, outer: outer, lastUse: now, permitted: [])
        self.nextExpiry = min(self.nextExpiry, now.advanced(by: self.timeout))
        return outer
    }

    private func expire(now: Instant) {
        guard now >= self.nextExpiry else { return }
        self.mappings = self.mappings.filter { now.since($0.value.lastUse) < self.timeout }
        let oldest = self.mappings.values.map(\.lastUse).min()
        self.nextExpiry = oldest?.advanced(by: self.timeout) ?? Instant(nanoseconds: .max)
    }

    /// As much of `endpoint` as a behaviour looks at.
    private static func view(_ endpoint: Endpoint, _ behaviour: Behaviour) -> Endpoint? {
        switch behaviour {
        case .endpointIndependent: return nil
        case .addressDependent: return Endpoint(endpoint.address, 0)
        case .addressAndPortDependent: return endpoint
        }
    }
}
