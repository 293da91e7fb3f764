/// The daemon's answer to one request: what was asked for, or why not.
///
/// As JSON, the fields of the body stand beside `schema`, and `{"schema":1,"error":{…}}` is a refusal.
package enum ControlReply<Body: Codable & Sendable>: Sendable {
    /// What was asked for.
    case success(Body)
    /// Why it was not done.
    case failure(ControlError)
}

extension ControlReply: Equatable where Body: Equatable {}

extension ControlReply: Codable {
    private enum CodingKeys: String, CodingKey {
        case schema, error
    }

    /// Throws a `ControlError` if the daemon speaks another schema.
    package init(from decoder: any Decoder) throws {
        let envelope = try decoder.container(keyedBy: CodingKeys.self)
        let schema = try envelope.decode(Int.self, forKey: .schema)
        guard schema == ControlSchema.version else { throw ControlError.unsupportedSchema(schema) }
        if let error = try envelope.decodeIfPresent(ControlError.self, forKey: .error) {
            self = .failure(error)
        } else {
            self = .success(try Body(from: decoder))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var envelope = encoder.container(keyedBy: CodingKeys.self)
        try envelope.encode(ControlSchema.version, forKey: .schema)
        switch self {
        case .success(let body): try body.encode(to: encoder)
        case .failure(let error): try envelope.encode(error, forKey: .error)
        }
    }
}

/// Why a request was not obeyed, in words for the operator.
package struct ControlError: Error, Hashable, Sendable, Codable {
    /// What kind of refusal it is, for scripts.
    package var code: Code
    /// One sentence without capital and full stop, such as `there is no connection 'hp'`.
    package var message: String
    /// What is wrong in the configuration file, when that is the reason.
    package var diagnostics: [DiagnosticReport]?

    /// The refusal `code`, explained by `message`.
    package init(_ code: Code, _ message: String, diagnostics: [DiagnosticReport]? = nil) {
        self.code = code
        self.message = message
        self.diagnostics = diagnostics
    }

    /// Kinds of refusal; a client may meet ones that it does not know.
    package struct Code: RawRepresentable, Hashable, Sendable, Codable {
        /// The word in the field `code`.
        package let rawValue: String
        /// The kind called `rawValue`.
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The line is no request: not JSON, a field missing, unknown or of the wrong type.
        package static let badRequest = Code(rawValue: "bad_request")
        /// The request or reply belongs to another version of the protocol.
        package static let unsupportedSchema = Code(rawValue: "unsupported_schema")
        /// No such command.
        package static let unknownCommand = Code(rawValue: "unknown_command")
        /// No connection, IKE_SA or CHILD_SA of that name.
        package static let notFound = Code(rawValue: "not_found")
        /// The configuration file has errors; the one in force stays.
        package static let badConfiguration = Code(rawValue: "bad_configuration")
        /// A line is longer than `ControlSchema` allows.
        package static let tooLarge = Code(rawValue: "too_large")
        /// The daemon could not do it, for a reason of its own.
        package static let failed = Code(rawValue: "failed")
    }

    /// The refusal of a request, or of a reply, of the schema `version`.
    package static func unsupportedSchema(_ version: Int) -> ControlError {
        ControlError(
            .unsupportedSchema,
            "schema \(version) is spoken there and \(ControlSchema.version) here: "
                + "culvert and culvertd are of different releases")
    }
}
