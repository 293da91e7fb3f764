/// What a client may ask of culvertd.
package enum ControlRequest: Hashable, Sendable {
    /// How the gateway and its peers are; answered by `StatusReport`.
    case status
    /// All IKE_SAs with their CHILD_SAs; answered by `SAReport`.
    case listSAs
    /// The IKE_SAs that are meant; answered by `SAReport`, in which a connection without IKE_SA has its entry.
    case showSA(SAName)
    /// End the IKE_SAs that are meant, or only their CHILD_SAs called `child`; answered by `TerminateReport`.
    case terminate(SAName, child: String?)
    /// Renew the keys of the IKE_SAs that are meant, or of their CHILD_SAs called `child`; answered by `RekeyReport`.
    case rekey(SAName, child: String?)
    /// Begin the IKE_SA of a connection, with its CHILD_SA `child` or the first; answered by `InitiateReport`.
    case initiate(connection: String, child: String?)
    /// Read the configuration file again; answered by `ReloadReport`.
    case reload
    /// Which release runs; answered by `VersionReport`.
    case version

    /// The word in the field `command`.
    package var command: String {
        switch self {
        case .status: return "status"
        case .listSAs: return "sa-list"
        case .showSA: return "sa-show"
        case .terminate: return "terminate"
        case .rekey: return "rekey"
        case .initiate: return "initiate"
        case .reload: return "reload"
        case .version: return "version"
        }
    }
}

/// IKE_SAs as an operator names them: `hq` for all of a connection, `hq#3` for the one with the unique ID 3.
package struct SAName: Hashable, Sendable, CustomStringConvertible {
    /// The connection's name.
    package let connection: String
    /// The unique ID of one IKE_SA; nil means all of the connection.
    package let id: UInt64?

    /// The IKE_SA `id` of `connection`, or all of them.
    package init(connection: String, id: UInt64? = nil) {
        self.connection = connection
        self.id = id
    }

    /// Reads `hq` or `hq#3`; nil if the name is empty or what follows the last `#` is no number.
    package init?(_ text: String) {
        guard let mark = text.lastIndex(of: "#") else {
            guard !text.isEmpty else { return nil }
            self.init(connection: text)
            return
        }
        let digits = text[text.index(after: mark)...]
        guard mark != text.startIndex, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let id = UInt64(digits)
        else { return nil }
        self.init(connection: String(text[..<mark]), id: id)
    }

    package var description: String {
        self.id.map { "\(self.connection)#\($0)" } ?? self.connection
    }
}

extension ControlRequest: Codable {
    /// The fields that a request may have; `name` and `child` are for the commands that take them.
    private enum Field: String, CaseIterable {
        case schema, command, name, child
    }

    /// Any key of a JSON object, so that unknown ones are seen.
    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(_ field: Field) { self.stringValue = field.rawValue }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Throws a `ControlError` for a request that is well-formed JSON but cannot be obeyed.
    package init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        // The schema first: another version's fields would only confuse.
        let schema = try fields.decode(Int.self, forKey: Key(.schema))
        guard schema == ControlSchema.version else { throw ControlError.unsupportedSchema(schema) }
        switch try fields.decode(String.self, forKey: Key(.command)) {
        case "status": self = .status
        case "sa-list": self = .listSAs
        case "sa-show": self = .showSA(try Self.name(in: fields))
        case "terminate":
            let child = try fields.decodeIfPresent(String.self, forKey: Key(.child))
            self = .terminate(try Self.name(in: fields), child: child)
        case "rekey":
            let child = try fields.decodeIfPresent(String.self, forKey: Key(.child))
            self = .rekey(try Self.name(in: fields), child: child)
        case "initiate":
            let name = try fields.decode(String.self, forKey: Key(.name))
            self = .initiate(
                connection: name, child: try fields.decodeIfPresent(String.self, forKey: Key(.child)))
        case "reload": self = .reload
        case "version": self = .version
        case let command: throw ControlError(.unknownCommand, "there is no command '\(command.quotable)'")
        }
        try self.refuseFields(notIn: self.fields, of: fields)
    }

    /// A field that is not understood may have limited what the request does: obeying without it could be
    /// worse than refusing.
    private func refuseFields(notIn known: [Field], of fields: KeyedDecodingContainer<Key>) throws {
        for key in fields.allKeys where !known.contains(where: { $0.rawValue == key.stringValue }) {
            throw ControlError(
                .badRequest, "the command '\(self.command)' takes no field '\(key.stringValue.quotable)'")
        }
    }

    private static func name(in fields: KeyedDecodingContainer<Key>) throws -> SAName {
        let text = try fields.decode(String.self, forKey: Key(.name))
        guard let name = SAName(text) else {
            throw ControlError(
                .badRequest, "'\(text.quotable)' is neither a connection's name nor NAME#ID of an IKE_SA")
        }
        return name
    }

    private var fields: [Field] {
        switch self {
        case .status, .listSAs, .reload, .version: return [.schema, .command]
        case .showSA: return [.schema, .command, .name]
        case .terminate, .rekey, .initiate: return [.schema, .command, .name, .child]
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        try fields.encode(ControlSchema.version, forKey: Key(.schema))
        try fields.encode(self.command, forKey: Key(.command))
        switch self {
        case .status, .listSAs, .reload, .version: break
        case .showSA(let name): try fields.encode(name.description, forKey: Key(.name))
        case .terminate(let name, let child), .rekey(let name, let child):
            try fields.encode(name.description, forKey: Key(.name))
            try fields.encodeIfPresent(child, forKey: Key(.child))
        case .initiate(let connection, let child):
            try fields.encode(connection, forKey: Key(.name))
            try fields.encodeIfPresent(child, forKey: Key(.child))
        }
    }
}

extension String {
    /// The text in a form that fits into a sentence: at most 64 characters, none of them a control character.
    package var quotable: String {
        let shown = self.unicodeScalars.prefix(64).map { scalar in
            scalar.properties.generalCategory == .control ? "\u{fffd}" : String(scalar)
        }
        return shown.joined() + (self.unicodeScalars.count > 64 ? "…" : "")
    }
}
