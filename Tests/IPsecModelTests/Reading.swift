import IPsecModel
import Testing

/// The address that `text` spells; the test fails if it spells none.
func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// The range of these two; the test fails if there is none.
func range(_ first: String, _ last: String) throws -> AddressRange {
    let (first, last) = (try address(first), try address(last))
    return try #require(AddressRange(first, last))
}
