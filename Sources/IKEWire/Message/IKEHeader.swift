package import IPsecModel

/// The flags of the IKE header (RFC 7296 §3.1). Other bits are ignored on receipt and zero on sending.
package struct IKEFlags: OptionSet, Hashable, Sendable {
    /// The octet on the wire.
    package let rawValue: UInt8

    /// The flags among the bits of `rawValue`; bits without a meaning are dropped.
    package init(rawValue: UInt8) { self.rawValue = rawValue & 0x38 }

    /// Sent by the original initiator of the IKE_SA.
    package static let initiator = IKEFlags(rawValue: 0x08)
    /// The sender speaks a higher major version; never set by us, ignored on receipt.
    package static let version = IKEFlags(rawValue: 0x10)
    /// A response.
    package static let response = IKEFlags(rawValue: 0x20)
}

/// The IKE header (RFC 7296 §3.1). Next payload and length belong to the codec.
package struct IKEHeader: Hashable, Sendable {
    /// Octets of the header.
    package static let length = 28

    /// The SPI of the original initiator.
    package var initiatorSPI: IKESPI
    /// The SPI of the original responder; zero in the first request.
    package var responderSPI: IKESPI
    /// The exchange that the message belongs to.
    package var exchange: ExchangeType
    /// Who sends, and whether it answers.
    package var flags: IKEFlags
    /// Pairs requests and responses, and tells retransmissions.
    package var messageID: UInt32
    /// The major version, 0 to 15; decoding accepts 2 only.
    package var majorVersion: UInt8
    /// The minor version, 0 to 15; ignored on receipt.
    package var minorVersion: UInt8

    /// The header of an IKEv2 message.
    package init(
        initiatorSPI: IKESPI, responderSPI: IKESPI, exchange: ExchangeType, flags: IKEFlags,
        messageID: UInt32, majorVersion: UInt8 = 2, minorVersion: UInt8 = 0
    ) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.exchange = exchange
        self.flags = flags
        self.messageID = messageID
        self.majorVersion = majorVersion
        self.minorVersion = minorVersion
    }
}

extension IKEHeader {
    /// Reads the header alone, of whatever major version, so that a version that we do not speak can be
    /// answered (RFC 7296 §2.5).
    ///
    /// - Parameter bytes: a message, or the beginning of one.
    /// - Returns: the header, the type of the first payload, and the length of the whole message as the sender
    ///   gives it; it is not compared with anything.
    /// - Throws: `.truncated` if there are fewer than 28 octets.
    package static func decode(
        _ bytes: ArraySlice<UInt8>
    ) throws(WireFault) -> (header: IKEHeader, nextPayload: PayloadType, length: UInt32) {
        var reader = WireReader(bytes)
        return try Self.read(from: &reader)
    }

    static func read(
        from reader: inout WireReader
    ) throws(WireFault) -> (header: IKEHeader, nextPayload: PayloadType, length: UInt32) {
        let initiatorSPI = IKESPI(try reader.integer("initiator's SPI"))
        let responderSPI = IKESPI(try reader.integer("responder's SPI"))
        let nextPayload = PayloadType(rawValue: try reader.integer("next payload"))
        let version: UInt8 = try reader.integer("version")
        let exchange = ExchangeType(rawValue: try reader.integer("exchange type"))
        let flags = IKEFlags(rawValue: try reader.integer("flags"))
        let messageID: UInt32 = try reader.integer("message ID")
        let length: UInt32 = try reader.integer("message length")
        let header = IKEHeader(
            initiatorSPI: initiatorSPI, responderSPI: responderSPI, exchange: exchange, flags: flags,
            messageID: messageID, majorVersion: version >> 4, minorVersion: version & 0xf)
        return (header, nextPayload, length)
    }

    /// Writes the header of a message of `length` octets in all.
    func write(to writer: inout WireWriter, nextPayload: PayloadType, length: Int) throws(WireFault) {
        guard length <= WireLimits.messageOctets, let length32 = UInt32(exactly: length) else {
            throw .tooLong(field: "message", limit: WireLimits.messageOctets, have: length)
        }
        guard self.majorVersion < 16 else {
            throw .badValue(field: "major version", value: UInt64(self.majorVersion))
        }
        guard self.minorVersion < 16 else {
            throw .badValue(field: "minor version", value: UInt64(self.minorVersion))
        }
        writer.integer(self.initiatorSPI.number)
        writer.integer(self.responderSPI.number)
        writer.integer(nextPayload.rawValue)
        writer.integer(self.majorVersion << 4 | self.minorVersion)
        writer.integer(self.exchange.rawValue)
        writer.integer(self.flags.rawValue)
        writer.integer(self.messageID)
        writer.integer(length32)
    }
}
