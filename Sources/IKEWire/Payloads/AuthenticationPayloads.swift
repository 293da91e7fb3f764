package import IPsecModel

/// KE (RFC 7296 §3.4).
package struct KeyExchangePayload: Hashable, Sendable {
    /// The method that `data` belongs to.
    package var method: KeyExchangeMethod
    /// The sender's public value; its length is checked by the method.
    package var data: [UInt8]

    /// A public value of `method`.
    package init(method: KeyExchangeMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }
}

/// IDi and IDr (RFC 7296 §3.5).
package struct IdentificationPayload: Hashable, Sendable {
    /// Who the sender says it is, or whom it asks for.
    package let identity: Identity
    /// The three reserved octets: zero in a payload of ours, as received in one of the peer's.
    let reserved: [UInt8]

    /// The payload of `identity`.
    package init(identity: Identity) {
        self.init(identity: identity, reserved: [0, 0, 0])
    }

    init(identity: Identity, reserved: [UInt8]) {
        self.identity = identity
        self.reserved = reserved
    }

    /// The octets after the generic payload header as sent or received: what AUTH covers
    /// (RFC 7296 §2.15, RestOfInitIDPayload and RestOfRespIDPayload).
    package var body: [UInt8] { [self.identity.type.rawValue] + self.reserved + self.identity.data }
}

/// CERT (RFC 7296 §3.6).
package struct CertificatePayload: Hashable, Sendable {
    /// How `data` is to be read.
    package var encoding: CertificateEncoding
    /// The certificate data.
    package var data: [UInt8]

    /// Certificate data of `encoding`.
    package init(encoding: CertificateEncoding, data: [UInt8]) {
        self.encoding = encoding
        self.data = data
    }
}

/// CERTREQ (RFC 7296 §3.7).
package struct CertificateRequestPayload: Hashable, Sendable {
    /// The encoding that is wanted.
    package var encoding: CertificateEncoding
    /// The certification authority: for X.509, SHA-1 hashes of public keys, one after the other.
    package var authority: [UInt8]

    /// A request for a certificate of `encoding` issued under `authority`.
    package init(encoding: CertificateEncoding, authority: [UInt8]) {
        self.encoding = encoding
        self.authority = authority
    }
}

/// AUTH (RFC 7296 §3.8).
package struct AuthenticationPayload: Hashable, Sendable {
    /// How `data` was made.
    package var method: AuthenticationMethod
    /// The signature or integrity code. To be compared in constant time only.
    package var data: [UInt8]

    /// Authentication data of `method`.
    package init(method: AuthenticationMethod, data: [UInt8]) {
        self.method = method
        self.data = data
    }
}

/// Ni, Nr (RFC 7296 §3.9).
package struct NoncePayload: Hashable, Sendable {
    /// How many octets a nonce may have.
    package static let lengths = 16...256

    /// The nonce; encoding refuses a length outside `lengths`.
    package var nonce: [UInt8]

    /// The payload of `nonce`.
    package init(nonce: [UInt8]) {
        self.nonce = nonce
    }
}

/// EAP (RFC 7296 §3.16).
package struct EAPPayload: Hashable, Sendable {
    /// The EAP message from its Code on (RFC 3748 §4); not looked into here.
    package var message: [UInt8]

    /// The payload of `message`.
    package init(message: [UInt8]) {
        self.message = message
    }
}

extension KeyExchangePayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.method = KeyExchangeMethod(rawValue: try reader.integer("key exchange method"))
        try reader.skip(2, "reserved octets of KE")
        self.data = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.integer(self.method.rawValue)
        writer.reserved(2)
        writer.bytes(self.data)
    }
}

extension IdentificationPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        let type = IdentityType(rawValue: try reader.integer("ID type"))
        let reserved = Array(try reader.bytes(3, "reserved octets of ID"))
        self.init(identity: Identity(type: type, data: Array(reader.rest())), reserved: reserved)
        try self.checkLength()
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try self.checkLength()
        writer.bytes(self.body)
    }

    /// An address has the octets of its family (RFC 7296 §3.5).
    private func checkLength() throws(WireFault) {
        let count = self.identity.data.count
        switch self.identity.type {
        case .ipv4 where count != 4: throw .badValue(field: "ID_IPV4_ADDR length", value: UInt64(count))
        case .ipv6 where count != 16: throw .badValue(field: "ID_IPV6_ADDR length", value: UInt64(count))
        default: break
        }
    }
}

extension CertificatePayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.encoding = CertificateEncoding(rawValue: try reader.integer("certificate encoding"))
        self.data = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.integer(self.encoding.rawValue)
        writer.bytes(self.data)
    }
}

extension CertificateRequestPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.encoding = CertificateEncoding(rawValue: try reader.integer("certificate encoding"))
        self.authority = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.integer(self.encoding.rawValue)
        writer.bytes(self.authority)
    }
}

extension AuthenticationPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.method = AuthenticationMethod(rawValue: try reader.integer("authentication method"))
        try reader.skip(3, "reserved octets of AUTH")
        self.data = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.integer(self.method.rawValue)
        writer.reserved(3)
        writer.bytes(self.data)
    }
}

extension NoncePayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.nonce = Array(reader.rest())
        try self.checkLength()
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try self.checkLength()
        writer.bytes(self.nonce)
    }

    /// "The size of the Nonce Data MUST be between 16 and 256 octets, inclusive" (RFC 7296 §3.9).
    private func checkLength() throws(WireFault) {
        guard Self.lengths.contains(self.nonce.count) else {
            throw .badValue(field: "nonce length", value: UInt64(self.nonce.count))
        }
    }
}

extension EAPPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.message = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.bytes(self.message)
    }
}
