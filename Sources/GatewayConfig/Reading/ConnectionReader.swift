internal import IPsecModel

/// A connection with the places of its parts, for checks across connections.
struct ReadConnection {
    let configuration: ConnectionConfiguration
    /// Where the name stands.
    let place: SourceSpan
    let children: [ReadChild]
}

/// Reads `connections.<conn>`.
enum ConnectionReader {
    /// Bytes of the name of a connection, child or secret.
    static let longestName = 64

    /// The connection that `inner` describes.
    static func read(_ inner: SectionReader.Inner, _ context: ReadingContext) -> ReadConnection {
        let owner = "connection '\(inner.name)'"
        let reader = SectionReader(inner.view, .connection, owner: owner, context)
        self.checkName(inner, "connection", context)
        let parts = reader.sections(.connection)
        let children = self.children(parts.filter { $0.rule == "children" }.map(\.inner), inner, reader)
        var connection = ConnectionConfiguration(
            name: inner.name, proposals: ProposalReader.read(reader, "proposals", .ike),
            children: children.map(\.configuration))
        connection.localAddresses = self.addresses(reader, "local_addrs")
        connection.remoteAddresses = self.addresses(reader, "remote_addrs")
        let rounds = RoundReader(connection: reader, name: inner.name)
        connection.localIdentity = rounds.local(parts.filter { $0.rule == "local" }.map(\.inner))
        connection.remoteIdentity = rounds.remote(parts.filter { $0.rule == "remote" }.map(\.inner))
        (connection.lifetime, connection.reauthentication) = LifetimeReader.ike(reader)
        self.readOptions(reader, into: &connection)
        self.checkInert(reader)
        self.checkAddresses(connection, inner, reader)
        return ReadConnection(configuration: connection, place: inner.place, children: children)
    }

    /// Reports a name that is too long, and a section that is opened twice in one file.
    static func checkName(_ inner: SectionReader.Inner, _ kind: String, _ context: ReadingContext) {
        if inner.name.utf8.count > Self.longestName {
            context.report.error(inner.place, "the name of a \(kind) has more than \(Self.longestName) bytes")
        }
        guard let (again, first) = context.inheritance.reopened(inner.view) else { return }
        let line = context.report.files[first.span.file].position(of: first.span.start).line
        context.report.warning(
            again.span, "\(kind) '\(inner.name)' is already defined in line \(line); this adds to it")
    }

    private static func children(
        _ containers: [SectionReader.Inner], _ inner: SectionReader.Inner, _ reader: SectionReader
    ) -> [ReadChild] {
        guard let container = containers.first else {
            self.warnOfNoChildren(inner, reader)
            return []
        }
        let owner = "the children of '\(inner.name)'"
        let sections = SectionReader(container.view, .named, owner: owner, reader.context).allSections
        if sections.isEmpty { self.warnOfNoChildren(inner, reader) }
        return sections.map { child in
            self.checkName(child, "child", reader.context)
            return ChildReader.read(child, of: inner.name, reader.context)
        }
    }

    private static func warnOfNoChildren(_ inner: SectionReader.Inner, _ reader: SectionReader) {
        reader.context.report.warning(
            inner.place, "connection '\(inner.name)' has no children: nothing can pass through it")
    }

    private static func addresses(_ reader: SectionReader, _ key: String) -> [AddressPattern] {
        for item in reader.value(key)?.items ?? [] {
            guard let block = AddressList.blockMeant(by: item) else { continue }
            reader.warning(item.span, "\(item.quoted) has host bits; it is taken as \(block)")
        }
        return reader.list(key, AddressList.pattern) ?? [.any]
    }

    /// Names serve to call a peer, not to know it by; and a peer can be called only at an address.
    private static func checkAddresses(
        _ connection: ConnectionConfiguration, _ inner: SectionReader.Inner, _ reader: SectionReader
    ) {
        let calls = connection.children.lazy.compactMap(ActionReader.call).first
        for (key, isCalled) in [("local_addrs", false), ("remote_addrs", calls != nil)] where !isCalled {
            for item in reader.value(key)?.items ?? [] where AddressList.isName(item) {
                reader.warning(
                    item.span,
                    "names are resolved only to call a peer, so \(item.quoted) matches nobody; write its address, or %any"
                )
            }
        }
        guard let calls, !connection.remoteAddresses.contains(where: \.canBeCalled) else { return }
        reader.error(
            reader.value("remote_addrs")?.span ?? inner.place,
            "a child has \(calls), but remote_addrs names no address or name to call")
    }

    private static func readOptions(
        _ reader: SectionReader, into connection: inout ConnectionConfiguration
    ) {
        connection.forcesEncapsulation = reader.read("encap", Scalar.boolean) ?? false
        connection.mobike = reader.read("mobike", Scalar.boolean) ?? true
        let delay = reader.time("dpd_delay") ?? .zero
        connection.livenessDelay = delay == .zero ? nil : delay
        connection.verifiesRekeying = reader.read("verify_rekey", Scalar.boolean) ?? true
        connection.fragmentation = reader.read("fragmentation", self.fragmentation(reader)) ?? true
        let names = UniquenessPolicy.allCases.map(\.rawValue)
        let policy = reader.read("unique") { value throws(ValueFault) in
            try Scalar.choice(value, of: names)
        }
        connection.uniqueness = policy.flatMap(UniquenessPolicy.init) ?? .no
    }

    private static func fragmentation(
        _ reader: SectionReader
    ) -> (LocatedText) throws(ValueFault) -> Bool {
        { value throws(ValueFault) in
            switch value.string.lowercased() {
            case "force":
                reader.warning(value.span, "force is for IKEv1; for IKEv2 it is the same as yes")
                return true
            case "accept":
                reader.warning(
                    value.span,
                    "accept is not implemented yet; long messages are sent in fragments as with yes")
                return true
            case "yes", "true", "enabled", "1": return true
            case "no", "false", "disabled", "0": return false
            default: throw ValueFault(value, "\(value.quoted) is none of yes, accept, force, no")
            }
        }
    }

    /// Keys that are checked and then change nothing.
    private static func checkInert(_ reader: SectionReader) {
        if let version = reader.number("version", in: 0...2), version == 1,
            let value = reader.value("version")
        {
            reader.error(value.span, "Culvert does not speak IKEv1; write version = 2")
        }
        for key in ["local_port", "remote_port"] {
            guard let port = reader.number(key, in: 0...65_535), let value = reader.value(key) else {
                continue
            }
            guard port != Int(IKEPort.ike), port != Int(IKEPort.natTraversal) else { continue }
            reader.error(value.span, "\(key) takes only 500 and 4500; other ports are not implemented yet")
        }
        if let timeout = reader.time("dpd_timeout"), timeout > .zero, let value = reader.value("dpd_timeout")
        {
            reader.warning(value.span, "dpd_timeout has no effect with IKEv2; the retransmit_… keys decide")
        }
        if let tries = reader.number("keyingtries", in: 0...Int(UInt32.max)), tries > 1,
            let value = reader.value("keyingtries")
        {
            reader.warning(
                value.span, "keyingtries has no effect: what starts by itself is tried again until it stands")
        }
    }
}
