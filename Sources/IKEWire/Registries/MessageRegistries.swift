// IANA "Internet Key Exchange Version 2 (IKEv2) Parameters". Open types: an unknown number is a value like
// any other and survives decoding.

/// Exchange types (RFC 7296 §3.1).
package struct ExchangeType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The exchange with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// IKE_SA_INIT.
    package static let ikeSAInit = ExchangeType(rawValue: 34)
    /// IKE_AUTH.
    package static let ikeAuth = ExchangeType(rawValue: 35)
    /// CREATE_CHILD_SA.
    package static let createChildSA = ExchangeType(rawValue: 36)
    /// INFORMATIONAL.
    package static let informational = ExchangeType(rawValue: 37)
    /// IKE_SESSION_RESUME (RFC 5723).
    package static let ikeSessionResume = ExchangeType(rawValue: 38)
    /// IKE_INTERMEDIATE (RFC 9242).
    package static let ikeIntermediate = ExchangeType(rawValue: 43)
    /// IKE_FOLLOWUP_KE (RFC 9370).
    package static let ikeFollowupKE = ExchangeType(rawValue: 44)

    /// The RFC's word for the exchange.
    package var name: String {
        switch self {
        case .ikeSAInit: return "IKE_SA_INIT"
        case .ikeAuth: return "IKE_AUTH"
        case .createChildSA: return "CREATE_CHILD_SA"
        case .informational: return "INFORMATIONAL"
        case .ikeSessionResume: return "IKE_SESSION_RESUME"
        case .ikeIntermediate: return "IKE_INTERMEDIATE"
        case .ikeFollowupKE: return "IKE_FOLLOWUP_KE"
        default: return "exchange \(self.rawValue)"
        }
    }
}

/// Payload types (RFC 7296 §3.2).
package struct PayloadType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The type with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// No next payload.
    package static let none = PayloadType(rawValue: 0)
    /// SA.
    package static let securityAssociation = PayloadType(rawValue: 33)
    /// KE.
    package static let keyExchange = PayloadType(rawValue: 34)
    /// IDi.
    package static let idInitiator = PayloadType(rawValue: 35)
    /// IDr.
    package static let idResponder = PayloadType(rawValue: 36)
    /// CERT.
    package static let certificate = PayloadType(rawValue: 37)
    /// CERTREQ.
    package static let certificateRequest = PayloadType(rawValue: 38)
    /// AUTH.
    package static let authentication = PayloadType(rawValue: 39)
    /// Ni, Nr.
    package static let nonce = PayloadType(rawValue: 40)
    /// N.
    package static let notify = PayloadType(rawValue: 41)
    /// D.
    package static let delete = PayloadType(rawValue: 42)
    /// V.
    package static let vendorID = PayloadType(rawValue: 43)
    /// TSi.
    package static let tsInitiator = PayloadType(rawValue: 44)
    /// TSr.
    package static let tsResponder = PayloadType(rawValue: 45)
    /// SK: Encrypted and Authenticated.
    package static let encrypted = PayloadType(rawValue: 46)
    /// CP.
    package static let configuration = PayloadType(rawValue: 47)
    /// EAP.
    package static let eap = PayloadType(rawValue: 48)
    /// SKF: Encrypted and Authenticated Fragment (RFC 7383 §2.5).
    package static let encryptedFragment = PayloadType(rawValue: 53)

    /// The RFC's notation for the payload.
    package var name: String { Self.names[self] ?? "payload \(self.rawValue)" }

    /// True if the module decodes or ends a chain with it: every type above.
    var isKnown: Bool { Self.names[self] != nil }

    private static let names: [PayloadType: String] = [
        .none: "none", .securityAssociation: "SA", .keyExchange: "KE", .idInitiator: "IDi",
        .idResponder: "IDr", .certificate: "CERT", .certificateRequest: "CERTREQ", .authentication: "AUTH",
        .nonce: "No", .notify: "N", .delete: "D", .vendorID: "V", .tsInitiator: "TSi", .tsResponder: "TSr",
        .encrypted: "SK", .configuration: "CP", .eap: "EAP", .encryptedFragment: "SKF",
    ]
}

/// Authentication methods (RFC 7296 §3.8).
package struct AuthenticationMethod: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The method with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// RSA Digital Signature.
    package static let rsaDigitalSignature = AuthenticationMethod(rawValue: 1)
    /// Shared Key Message Integrity Code.
    package static let sharedKeyMessageIntegrityCode = AuthenticationMethod(rawValue: 2)
    /// DSS Digital Signature.
    package static let dssDigitalSignature = AuthenticationMethod(rawValue: 3)
    /// ECDSA with SHA-256 on P-256 (RFC 4754).
    package static let ecdsaSHA256 = AuthenticationMethod(rawValue: 9)
    /// ECDSA with SHA-384 on P-384 (RFC 4754).
    package static let ecdsaSHA384 = AuthenticationMethod(rawValue: 10)
    /// ECDSA with SHA-512 on P-521 (RFC 4754).
    package static let ecdsaSHA512 = AuthenticationMethod(rawValue: 11)
    /// NULL Authentication (RFC 7619).
    package static let null = AuthenticationMethod(rawValue: 13)
    /// Digital Signature (RFC 7427).
    package static let digitalSignature = AuthenticationMethod(rawValue: 14)
}

/// Certificate encodings (RFC 7296 §3.6).
package struct CertificateEncoding: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The encoding with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// X.509 Certificate - Signature.
    package static let x509Signature = CertificateEncoding(rawValue: 4)
    /// Certificate Revocation List.
    package static let revocationList = CertificateEncoding(rawValue: 7)
    /// Hash and URL of X.509 certificate.
    package static let hashAndURL = CertificateEncoding(rawValue: 12)
    /// OCSP Content (RFC 4806).
    package static let ocspContent = CertificateEncoding(rawValue: 14)
    /// Raw Public Key (RFC 7670).
    package static let rawPublicKey = CertificateEncoding(rawValue: 15)
}

/// What a Configuration payload does (RFC 7296 §3.15).
package struct ConfigurationType: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    package let rawValue: UInt8
    /// The type with the number `rawValue`.
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// CFG_REQUEST.
    package static let request = ConfigurationType(rawValue: 1)
    /// CFG_REPLY.
    package static let reply = ConfigurationType(rawValue: 2)
    /// CFG_SET.
    package static let set = ConfigurationType(rawValue: 3)
    /// CFG_ACK.
    package static let acknowledgement = ConfigurationType(rawValue: 4)
}
