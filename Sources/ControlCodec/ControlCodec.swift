package import ControlProtocol
internal import FoundationEssentials

/// The control protocol's values as JSON, for both ends of the socket.
///
/// It is a module of its own because `ControlProtocol` is pure and Foundation's coder is not. Keys are sorted,
/// so that equal values give equal bytes.
package enum ControlCodec {
    /// `request` as a line, with its newline.
    package static func line(_ request: ControlRequest) -> [UInt8] {
        self.encoded(request)
    }

    /// `reply` as a line, with its newline.
    package static func line<Body>(_ reply: ControlReply<Body>) -> [UInt8] {
        self.encoded(reply)
    }

    /// The request on a line; throws the refusal that is to be sent back.
    package static func request(_ line: [UInt8]) throws(ControlError) -> ControlRequest {
        guard line.count <= ControlSchema.maximumRequestBytes else {
            throw ControlError(
                .tooLarge, "the request is longer than \(ControlSchema.maximumRequestBytes) bytes")
        }
        return try self.decoded(ControlRequest.self, line, "the request")
    }

    /// The reply on a line; throws why the line is none.
    package static func reply<Body: Codable & Sendable>(
        _ body: Body.Type, _ line: [UInt8]
    ) throws(ControlError) -> ControlReply<Body> {
        try self.decoded(ControlReply<Body>.self, line, "the reply")
    }

    private static func encoded(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value)) + [0x0a]
        } catch {
            // The encoder refuses only infinite numbers, and no value of ours has a fraction.
            return Array(
                #"{"error":{"code":"failed","message":"the reply cannot be encoded"},"schema":1}"#.utf8)
                + [0x0a]
        }
    }

    private static func decoded<Value: Decodable>(
        _ type: Value.Type, _ line: [UInt8], _ what: String
    ) throws(ControlError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(line))
        } catch let error as ControlError {
            throw error
        } catch let error as DecodingError {
            throw ControlError(.badRequest, "\(what) is not understood: \(Self.explanation(error))")
        } catch {
            throw ControlError(.badRequest, "\(what) is not understood")
        }
    }

    private static func explanation(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, let context):
            return "the field '\(Self.path(context.codingPath + [key]))' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            let path = Self.path(context.codingPath)
            return path.isEmpty ? "it is no JSON object" : "the field '\(path)' has the wrong type"
        case .dataCorrupted(let context):
            let path = Self.path(context.codingPath)
            return path.isEmpty ? "it is not valid JSON" : "the field '\(path)' has no valid value"
        @unknown default: return "it is not valid"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map(\.stringValue).joined(separator: ".")
    }
}
