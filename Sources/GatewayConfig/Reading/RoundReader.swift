internal import IPsecModel

/// Reads `connections.<conn>.local<suffix>` and `remote<suffix>`.
struct RoundReader {
    let connection: SectionReader
    let name: String

    private static let unsupportedMethods = [
        "pubkey", "rsa", "ecdsa", "ed25519", "ed448", "bliss", "ike", "eap", "xauth", "any",
    ]

    /// Who we say we are; nil means our address.
    func local(_ sections: [SectionReader.Inner]) -> Identity? {
        let owner = "local of '\(self.name)'"
        guard let reader = self.round(sections, .localRound, "local", owner) else { return nil }
        let pattern = reader.read("id") { value throws(ValueFault) in
            let pattern = try IdentityText.pattern(value)
            guard case .suffix = pattern else { return pattern }
            throw ValueFault(value, "\(value.quoted): our own identity cannot be a wildcard")
        }
        guard case .exact(let identity) = pattern else { return nil }
        return identity
    }

    /// Who the peer may be.
    func remote(_ sections: [SectionReader.Inner]) -> IdentityPattern {
        let owner = "remote of '\(self.name)'"
        guard let reader = self.round(sections, .remoteRound, "remote", owner) else { return .any }
        return reader.read("id", IdentityText.pattern) ?? .any
    }

    /// The reader of the only round, whose method is a pre-shared key; nil if there is none, which is reported.
    private func round(
        _ sections: [SectionReader.Inner], _ schema: Schema, _ side: String, _ owner: String
    ) -> SectionReader? {
        guard let section = sections.first else {
            self.connection.error(
                self.connection.place, "there is no \(side) section; write '\(side) { auth = psk }'")
            return nil
        }
        if sections.count > 1 {
            self.connection.error(
                sections[1].place, "several \(side) rounds (RFC 4739) are not implemented yet")
        }
        let reader = SectionReader(section.view, schema, owner: owner, self.connection.context)
        _ = reader.sections(schema)
        _ = reader.number("round", in: 0...Int(UInt32.max))
        self.checkMethod(reader, section.place)
        return reader
    }

    private func checkMethod(_ reader: SectionReader, _ place: SourceSpan) {
        guard let value = reader.value("auth") else {
            return reader.error(
                place, "without auth it is pubkey, which is not implemented yet; write auth = psk")
        }
        let method = value.string.lowercased()
        guard method != "psk" else { return }
        let word = method.prefix { $0 != "-" && $0 != ":" && $0 != "/" }
        guard Self.unsupportedMethods.contains(String(word)) else {
            let hint = nearest(method, among: Self.unsupportedMethods + ["psk"]).map {
                " (did you mean '\($0)'?)"
            }
            return reader.error(value.span, "unknown authentication \(value.quoted)\(hint ?? "")")
        }
        reader.error(value.span, "authentication by \(value.quoted) is not implemented yet; use psk")
    }
}
