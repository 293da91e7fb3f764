private let certificates = "is about certificates, which are not implemented yet; use auth = psk"
private let eap = "is about EAP, which is not implemented yet; use auth = psk"
private let virtualAddresses = "is about virtual addresses, which are not implemented yet"
private let mediation = "is about mediation, which is not implemented yet"
private let interfaces = "is about XFRM interfaces, which are not implemented yet"
private let marks = "is about Netfilter marks, which are not implemented yet"
private let ikev1 = "is about IKEv1, which Culvert does not speak"

extension Schema {
    /// `connections.<conn>`.
    static let connection = Schema(
        keys: [
            .read("version"), .read("local_addrs"), .read("remote_addrs"), .read("local_port"),
            .read("remote_port"), .read("proposals"), .read("encap"), .read("dpd_delay"),
            .read("dpd_timeout"),
            .read("fragmentation"), .read("unique"), .read("rekey_time"), .read("over_time"),
            .read("rand_time"), .read("reauth_time"), .read("keyingtries"), .read("verify_rekey"),
            .read("mobike"),
            .refuse("aggressive", except: .no, ikev1), .refuse("pull", except: .yes, ikev1),
            .refuse("vips", except: .none, virtualAddresses),
            .refuse("pools", except: .none, virtualAddresses),
            .refuse("dscp", except: .words(["000000"]), "is not implemented yet; IKE packets carry no DSCP"),
            .warn(
                "childless", except: .words(["never"]),
                "is not implemented yet; a peer must set up a CHILD_SA together with the IKE_SA"),
            .warn("send_certreq", except: .no, "has no effect: certificates are not implemented yet"),
            .warn(
                "send_cert", except: .words(["never"]), "has no effect: certificates are not implemented yet"),
            .warn("ocsp", except: .words(["never"]), "has no effect: certificates are not implemented yet"),
            .refuse("ppk_id", except: .none, "is not implemented yet (RFC 8784)"),
            .refuse("ppk_required", except: .no, "is not implemented yet (RFC 8784)"),
            .refuse("if_id_in", except: .zero, interfaces), .refuse("if_id_out", except: .zero, interfaces),
            .refuse("mediation", except: .no, mediation), .refuse("mediated_by", except: .none, mediation),
            .refuse("mediation_peer", except: .none, mediation),
        ],
        sections: [
            SectionRule("children"), SectionRule("local", takesSuffix: true),
            SectionRule("remote", takesSuffix: true),
        ])

    /// `connections.<conn>.local<suffix>`.
    static let localRound = Schema(
        keys: [
            .read("auth"), .read("id"), .read("round"),
            .refuse("certs", except: .none, certificates), .refuse("pubkeys", except: .none, certificates),
            .refuse("eap_id", except: .none, eap), .refuse("aaa_id", except: .none, eap),
            .refuse("xauth_id", except: .none, ikev1),
        ],
        sections: [SectionRule("cert", takesSuffix: true, .unsupported(.error, certificates))])

    /// `connections.<conn>.remote<suffix>`.
    static let remoteRound = Schema(
        keys: [
            .read("auth"), .read("id"), .read("round"),
            .refuse("eap_id", except: .none, eap), .refuse("groups", except: .none, certificates),
            .refuse("cert_policy", except: .none, certificates),
            .refuse("certs", except: .none, certificates),
            .refuse("cacerts", except: .none, certificates), .refuse("ca_id", except: .none, certificates),
            .refuse("pubkeys", except: .none, certificates),
            .refuse("revocation", except: .words(["relaxed"]), certificates),
        ],
        sections: [
            SectionRule("cert", takesSuffix: true, .unsupported(.error, certificates)),
            SectionRule("cacert", takesSuffix: true, .unsupported(.error, certificates)),
        ])

    /// `connections.<conn>.children.<child>`.
    static let child = Schema(
        keys: [
            .read("esp_proposals"), .read("local_ts"), .read("remote_ts"), .read("rekey_time"),
            .read("life_time"), .read("rand_time"), .read("rekey_bytes"), .read("life_bytes"),
            .read("rand_bytes"), .read("rekey_packets"), .read("life_packets"), .read("rand_packets"),
            .read("replay_window"), .read("reqid"),
            .read("start_action"), .read("close_action"), .read("dpd_action"),
            .refuse(
                "ah_proposals", except: .none, "is not implemented: AH does not pass a NAT; use esp_proposals"
            ),
            .refuse(
                "sha256_96", except: .no, "is not implemented; the peer must truncate to 128 bits (RFC 4868)"),
            .refuse(
                "mode", except: .words(["tunnel"]), "takes only tunnel; other modes are not implemented yet"),
            .refuse("updown", except: .none, "is not implemented: Culvert runs no scripts"),
            .refuse("hostaccess", except: .no, "is not implemented: Culvert runs no scripts"),
            .refuse("policies", except: .yes, "is not implemented yet; policies are always installed"),
            .refuse("policies_fwd_out", except: .no, "is not implemented yet"),
            .warn("ipcomp", except: .no, "is not implemented; packets are not compressed"),
            .refuse("inactivity", except: .zero, "is not implemented yet"),
            .refuse("priority", except: .zero, "is not implemented yet"),
            .refuse("interface", except: .none, "is not implemented yet"),
            .refuse("mark_in", except: .zero, marks), .refuse("mark_in_sa", except: .no, marks),
            .refuse("mark_out", except: .zero, marks), .refuse("set_mark_in", except: .zero, marks),
            .refuse("set_mark_out", except: .zero, marks), .refuse("if_id_in", except: .zero, interfaces),
            .refuse("if_id_out", except: .zero, interfaces),
            .refuse("label", except: .none, "is about security labels, which are not implemented"),
            .refuse(
                "label_mode", except: .words(["system"]),
                "is about security labels, which are not implemented"),
            .refuse("tfc_padding", except: .zero, "is not implemented"),
            .refuse("hw_offload", except: .words(["no", "auto"]), "is not implemented yet"),
            .refuse("per_cpu_sas", except: .no, "is not implemented yet (RFC 9611)"),
            .refuse("copy_df", except: .yes, "is not implemented yet; the DF bit is always copied"),
            .refuse("copy_ecn", except: .yes, "is not implemented yet; ECN is always copied"),
            .refuse(
                "copy_dscp", except: .words(["out"]), "is not implemented yet; DSCP is copied outwards only"),
        ],
        sections: [])
}
