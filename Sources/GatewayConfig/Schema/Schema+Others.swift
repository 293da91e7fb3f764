extension Schema {
    /// What stands outside of all sections. swanctl.conf has sections here and no keys: the keys are Culvert's.
    static let top = Schema(
        keys: [
            .read("data_plane"), .read("keepalive"), .read("crash_detection"), .read("fragment_size"),
            .read("cookie_threshold"),
            .read("half_open_limit"), .read("half_open_per_address"), .read("half_open_timeout"),
            .read("retransmit_timeout"), .read("retransmit_base"), .read("retransmit_tries"),
            .read("retransmit_limit"), .read("retransmit_jitter"),
        ],
        sections: [
            SectionRule("connections"), SectionRule("secrets"),
            SectionRule(
                "pools", .unsupported(.warning, "has no effect: virtual addresses are not implemented yet")),
            SectionRule(
                "authorities", .unsupported(.warning, "has no effect: certificates are not implemented yet")),
        ])

    /// `secrets`: sections whose names begin with the type of secret.
    static let secrets = Schema(
        keys: [],
        sections: [SectionRule("ike", takesSuffix: true)]
            + ["eap", "xauth", "ntlm"].map {
                SectionRule(
                    $0, takesSuffix: true, .unsupported(.warning, "has no effect: EAP is not implemented yet")
                )
            }
            + ["private", "rsa", "ecdsa", "pkcs8", "pkcs12", "token"].map {
                SectionRule(
                    $0, takesSuffix: true,
                    .unsupported(.warning, "has no effect: private keys are not implemented yet"))
            } + [
                SectionRule(
                    "ppk", takesSuffix: true,
                    .unsupported(.warning, "has no effect: RFC 8784 is not implemented yet"))
            ])

    /// `secrets.ike<suffix>`.
    static let sharedSecret = Schema(
        keys: [.read("secret"), .read("id", takesSuffix: true)], sections: [])

    /// `connections` and `children`: only sections, with names of the operator's choice.
    static let named = Schema(keys: [], sections: [])
}
