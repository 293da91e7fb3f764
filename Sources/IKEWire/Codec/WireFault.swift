/// Why bytes are not an IKEv2 message, or values cannot become one.
///
/// Before authentication such a message is dropped and counted; after it, the answer is INVALID_SYNTAX
/// (RFC 7296 §3.10.1).
package enum WireFault: Error, Hashable, Sendable {
    /// `field` needs more octets than its container has.
    case truncated(field: String, need: Int, have: Int)
    /// `count` octets follow the end of `field` within its container.
    case trailing(field: String, count: Int)
    /// More items than `WireLimits` or the field's own width allows.
    case tooMany(field: String, limit: Int)
    /// More octets than the field takes.
    case tooLong(field: String, limit: Int, have: Int)
    /// A value that the field cannot have.
    case badValue(field: String, value: UInt64)
}

extension WireFault: CustomStringConvertible {
    /// One clause for a log, such as `nonce: 16 octets needed, 3 left`.
    package var description: String {
        switch self {
        case .truncated(let field, let need, let have): return "\(field): \(need) octets needed, \(have) left"
        case .trailing(let field, let count): return "\(field): \(count) octets too many"
        case .tooMany(let field, let limit): return "\(field): more than \(limit)"
        case .tooLong(let field, let limit, let have): return "\(field): \(have) octets, at most \(limit)"
        case .badValue(let field, let value): return "\(field): \(value) is not allowed"
        }
    }
}
