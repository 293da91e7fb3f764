internal import IPsecModel

/// Reads `secrets.ike<suffix>`.
enum SecretReader {
    /// The secret that `inner` describes, or nil if it has none that can be read, which is reported.
    static func read(_ inner: SectionReader.Inner, _ context: ReadingContext) -> SharedSecret? {
        let reader = SectionReader(inner.view, .sharedSecret, owner: "secret '\(inner.name)'", context)
        _ = reader.sections(.sharedSecret)
        ConnectionReader.checkName(inner, "secret", context)
        let owners = reader.keys(beginningWith: "id").compactMap { reader.read($0, IdentityText.pattern) }
        guard let value = reader.value("secret") else {
            context.report.error(inner.place, "secret '\(inner.name)' is empty; write secret = \"…\"")
            return nil
        }
        guard let key = reader.read("secret", SecretText.key) else { return nil }
        if let weakness = key.weakness {
            context.report.warning(value.span, "psk of '\(inner.name)' is \(weakness)")
        }
        return SharedSecret(name: inner.name, owners: owners, key: key.bytes)
    }
}
