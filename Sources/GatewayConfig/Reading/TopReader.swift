internal import IPsecModel

/// Reads Culvert's own settings, which stand at the top of the file outside of all sections.
enum TopReader {
    /// The longest wait between two retransmissions, whatever base and tries say.
    private static let longestWait = 3_600.0

    /// Takes the settings of `reader` into `configuration`.
    static func read(_ reader: SectionReader, into configuration: inout GatewayConfiguration) {
        let names = DataPlaneChoice.allCases.map(\.rawValue)
        let choice = reader.read("data_plane") { value throws(ValueFault) in
            try Scalar.choice(value, of: names)
        }
        configuration.dataPlane = choice.flatMap(DataPlaneChoice.init) ?? configuration.dataPlane
        if let keepalive = reader.time("keepalive", in: .zero ... .seconds(3_600)) {
            configuration.keepaliveInterval = keepalive == .zero ? nil : keepalive
        }
        configuration.detectsCrashes =
            reader.read("crash_detection", Scalar.boolean) ?? configuration.detectsCrashes
        self.readHalfOpen(reader, into: &configuration.limits)
        self.readRetransmission(reader, into: &configuration.limits)
    }

    /// The size of IKE fragments of all connections, or nil if the file does not say.
    static func fragmentSize(_ reader: SectionReader) -> Int? {
        // RFC 8200 §5: every link carries 1280 bytes; RFC 791: every host takes 576.
        reader.number("fragment_size", in: 576...65_535)
    }

    private static func readHalfOpen(_ reader: SectionReader, into limits: inout IKELimits) {
        let range = 1...1_000_000
        limits.halfOpenIKESAs = reader.number("half_open_limit", in: range) ?? limits.halfOpenIKESAs
        limits.halfOpenIKESAsPerAddress =
            reader.number("half_open_per_address", in: range) ?? limits.halfOpenIKESAsPerAddress
        limits.cookieThreshold =
            reader.number("cookie_threshold", in: 0...1_000_000) ?? limits.cookieThreshold
        limits.halfOpenLifetime =
            reader.time("half_open_timeout", in: .seconds(1) ... .seconds(600)) ?? limits.halfOpenLifetime
        if let value = reader.value("cookie_threshold"), limits.cookieThreshold >= limits.halfOpenIKESAs {
            reader.warning(
                value.span,
                "cookie_threshold is not below half_open_limit, \(limits.halfOpenIKESAs): no cookie is ever "
                    + "asked for")
        }
    }

    private static func readRetransmission(_ reader: SectionReader, into limits: inout IKELimits) {
        let jitter = reader.number("retransmit_jitter", in: 0...20)
        limits.retransmissionJitter = jitter.map { Double($0) / 100 } ?? limits.retransmissionJitter
        let keys = ["retransmit_timeout", "retransmit_base", "retransmit_tries", "retransmit_limit"]
        guard keys.contains(where: { reader.value($0) != nil }) else { return }
        let timeout = reader.read(keys[0]) { value throws(ValueFault) in
            try Scalar.decimal(value, in: 0.1...60)
        }
        let base = reader.read(keys[1]) { value throws(ValueFault) in try Scalar.decimal(value, in: 1...10) }
        let tries = reader.number(keys[2], in: 0...20) ?? 5
        let limit = reader.time(keys[3], in: .zero ... .seconds(3_600)).map { Double($0.wholeSeconds) } ?? 0
        let longest = limit > 0 ? limit : Self.longestWait
        var spans: [Duration] = []
        var wait = timeout ?? 4.0
        for _ in 0...tries {
            spans.append(.milliseconds(Int64((min(wait, longest) * 1_000).rounded())))
            wait = min(wait * (base ?? 1.8), Self.longestWait)
        }
        limits.retransmission = spans
    }
}
