internal import IPsecModel

/// A child with the places of its parts, for checks across connections.
struct ReadChild {
    let configuration: ChildConfiguration
    /// Where the name stands.
    let place: SourceSpan
    /// Where `remote_ts` stands, or the name if it is not given.
    let remotePlace: SourceSpan
    /// Where `reqid` stands, or the name.
    let reqidPlace: SourceSpan
}

/// Reads `connections.<conn>.children.<child>`.
enum ChildReader {
    /// Selectors on one side: their count has one byte in a TS payload (RFC 7296 §3.13).
    static let selectorLimit = 255
    /// The widest replay window that the kernel takes.
    static let widestReplayWindow = 4_096

    /// The child that `inner` describes.
    static func read(
        _ inner: SectionReader.Inner, of connection: String, _ context: ReadingContext
    ) -> ReadChild {
        let owner = "child '\(inner.name)' of '\(connection)'"
        let reader = SectionReader(inner.view, .child, owner: owner, context)
        _ = reader.sections(.child)
        var child = ChildConfiguration(
            name: inner.name, proposals: ProposalReader.read(reader, "esp_proposals", .esp),
            localSelectors: self.selectors(reader, "local_ts"),
            remoteSelectors: self.selectors(reader, "remote_ts"), lifetime: LifetimeReader.child(reader))
        child.bytes = LifetimeReader.bytes(reader)
        child.packets = LifetimeReader.packets(reader)
        let window = reader.number("replay_window", in: 0...Self.widestReplayWindow)
        child.replayWindow = window.map { UInt32(clamping: $0) } ?? child.replayWindow
        let reqid = reader.number("reqid", in: 0...Int(UInt32.max)).map { UInt32(clamping: $0) }
        child.reqid = reqid == 0 ? nil : reqid
        ActionReader.read(reader, into: &child)
        self.checkFamilies(child, reader)
        return ReadChild(
            configuration: child, place: inner.place,
            remotePlace: reader.value("remote_ts")?.span ?? inner.place,
            reqidPlace: reader.value("reqid")?.span ?? inner.place)
    }

    private static func selectors(_ reader: SectionReader, _ key: String) -> [ConfiguredSelector] {
        guard let value = reader.value(key) else { return [.dynamic(ipProtocol: 0, ports: .any)] }
        for item in value.items { self.warnOfHostBits(item, reader) }
        let selectors = reader.list(key, SelectorList.selector) ?? []
        if selectors.count > Self.selectorLimit {
            reader.error(value.span, "\(key) has more than \(Self.selectorLimit) selectors")
        }
        return selectors
    }

    private static func warnOfHostBits(_ item: LocatedText, _ reader: SectionReader) {
        // A fault in the brackets is reported by whoever reads the selector.
        guard let place = item.split(on: UInt8(ascii: "[")).first,
            let block = AddressList.blockMeant(by: place)
        else { return }
        reader.warning(place.span, "\(place.quoted) has host bits; it is taken as \(block)")
    }

    /// Each side must have a selector of a family that the other has as well.
    private static func checkFamilies(_ child: ChildConfiguration, _ reader: SectionReader) {
        guard let local = self.families(child.localSelectors),
            let remote = self.families(child.remoteSelectors)
        else { return }
        let common = local.intersection(remote)
        guard common.isEmpty else {
            guard local != remote else { return }
            let odd: AddressFamily = common.contains(.v4) ? .v6 : .v4
            let key = local.contains(odd) ? "local_ts" : "remote_ts"
            return reader.warning(
                reader.value(key)?.span ?? reader.place,
                "the \(self.name(odd)) selectors of \(key) have no counterpart on the other side")
        }
        let (left, right) = (local.contains(.v4) ? "IPv4" : "IPv6", remote.contains(.v4) ? "IPv4" : "IPv6")
        reader.error(
            reader.value("remote_ts")?.span ?? reader.place,
            "local_ts is \(left) and remote_ts is \(right): no packet has both")
    }

    /// The families of `selectors`; nil if there are none or a dynamic one, which can be of either.
    private static func families(_ selectors: [ConfiguredSelector]) -> Set<AddressFamily>? {
        var families: Set<AddressFamily> = []
        for selector in selectors {
            guard case .fixed(let fixed) = selector else { return nil }
            families.insert(fixed.addresses.first.family)
        }
        return families.isEmpty ? nil : families
    }

    private static func name(_ family: AddressFamily) -> String { family == .v4 ? "IPv4" : "IPv6" }
}

/// Reads `proposals` and `esp_proposals`.
enum ProposalReader {
    /// Proposals in one list; an SA payload numbers them with one byte (RFC 7296 §3.3.1).
    static let limit = 64

    /// The proposals of `key`, those of `default` if it is not there.
    static func read(
        _ reader: SectionReader, _ key: String, _ securityProtocol: SecurityProtocol
    ) -> [Proposal] {
        guard let value = reader.value(key) else { return DefaultProposals.of(securityProtocol) }
        guard value.items.count <= Self.limit else {
            reader.error(value.span, "\(key) has more than \(Self.limit) proposals")
            return []
        }
        let lists = reader.list(key) { item throws(ValueFault) in
            guard item.string.lowercased() != "default" else { return DefaultProposals.of(securityProtocol) }
            return [try ProposalText.proposal(item, for: securityProtocol)]
        }
        return (lists ?? []).flatMap { $0 }
    }
}
