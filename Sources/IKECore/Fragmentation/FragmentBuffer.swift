internal import IKEWire
internal import IPsecModel

/// Collects the fragments of one message (RFC 7383 §2.6). Only authentic ones come here.
struct FragmentBuffer {
    /// A message that is complete.
    struct Complete {
        let first: PayloadType
        let text: [UInt8]
    }

    private struct Set {
        let messageID: UInt32
        let isResponse: Bool
        let total: UInt16
        let deadline: Instant
        var first = PayloadType.none
        var texts: [UInt16: [UInt8]] = [:]
        var octets = 0
    }

    private var set: Set?

    /// When an incomplete set is thrown away.
    var deadline: Instant? { self.set?.deadline }

    /// Throws an incomplete set away that is too old.
    mutating func expire(now: Instant) {
        if let set = self.set, now >= set.deadline { self.set = nil }
    }

    /// Takes a fragment; the message if it was the last one missing.
    ///
    /// A set with more fragments in all replaces one with fewer (RFC 7383 §2.6: the sender found a smaller
    /// path MTU); a fragment of one with fewer is dropped.
    mutating func add(
        _ fragment: FragmentBody, text: [UInt8], header: IKEHeader, limits: IKELimits, now: Instant
    ) throws(OpeningFault) -> Complete? {
        guard fragment.number >= 1, fragment.number <= fragment.total,
            Int(fragment.total) <= limits.fragmentsPerMessage
        else { throw .drop(.badFragment) }
        var set = self.matchingSet(fragment, header, limits: limits, now: now)
        guard set.total == fragment.total else { throw .drop(.badFragment) }
        guard set.texts[fragment.number] == nil else { return nil }
        guard set.octets + text.count <= limits.reassembledBytes else {
            self.set = nil
            throw .drop(.badFragment)
        }
        set.texts[fragment.number] = text
        set.octets += text.count
        if fragment.number == 1 { set.first = fragment.body.firstInnerPayload }
        self.set = set
        guard set.texts.count == Int(set.total) else { return nil }
        self.set = nil
        return Complete(first: set.first, text: set.texts.keys.sorted().flatMap { set.texts[$0] ?? [] })
    }

    private func matchingSet(
        _ fragment: FragmentBody, _ header: IKEHeader, limits: IKELimits, now: Instant
    ) -> Set {
        let isResponse = header.flags.contains(.response)
        if let set = self.set, set.messageID == header.messageID, set.isResponse == isResponse,
            set.total >= fragment.total
        {
            return set
        }
        return Set(
            messageID: header.messageID, isResponse: isResponse, total: fragment.total,
            deadline: now.advanced(by: limits.fragmentLifetime))
    }
}
