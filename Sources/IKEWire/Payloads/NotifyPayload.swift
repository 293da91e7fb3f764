package import IPsecModel

/// N (RFC 7296 §3.10).
package struct NotifyPayload: Hashable, Sendable {
    /// The kind of SA that `spi` names; `.none` if there is no SPI, whatever the sender wrote, since the field
    /// must then be ignored.
    package let protocolID: SecurityProtocol
    /// The SA that is meant: 0, 4 or 8 octets.
    package let spi: [UInt8]
    /// What is notified.
    package let type: NotifyType
    /// The notification data.
    package let data: [UInt8]

    /// A notification about the SA `spi` of `protocolID`.
    package init(protocolID: SecurityProtocol, spi: [UInt8], type: NotifyType, data: [UInt8] = []) {
        self.protocolID = spi.isEmpty ? .none : protocolID
        self.spi = spi
        self.type = type
        self.data = data
    }

    /// A notification that names no SA.
    package init(_ type: NotifyType, data: [UInt8] = []) {
        self.init(protocolID: .none, spi: [], type: type, data: data)
    }

    /// The SPI if it is one of ESP or AH, else nil.
    package var espSPI: ESPSPI? { ESPSPI(protocolID: self.protocolID, bytes: self.spi) }
}

/// D (RFC 7296 §3.11).
package struct DeletePayload: Hashable, Sendable {
    /// What the SAs were for.
    package let protocolID: SecurityProtocol
    /// The SPIs of the sender's inbound SAs: 4 octets each for ESP and AH; none for the IKE_SA itself.
    package let spis: [[UInt8]]

    /// Deletes the SAs `spis` of `protocolID`.
    package init(protocolID: SecurityProtocol, spis: [[UInt8]]) {
        self.protocolID = protocolID
        self.spis = spis
    }

    /// Deletes CHILD_SAs with ESP.
    package init(esp spis: [ESPSPI]) {
        self.init(protocolID: .esp, spis: spis.map(\.bytes))
    }

    /// Deletes the IKE_SA that carries the message.
    package static let ikeSA = DeletePayload(protocolID: .ike, spis: [])

    /// The SPIs of ESP; empty for another protocol.
    package var espSPIs: [ESPSPI] {
        self.protocolID == .esp ? self.spis.compactMap { ESPSPI(bytes: $0) } : []
    }
}

/// V (RFC 7296 §3.12).
package struct VendorIDPayload: Hashable, Sendable {
    /// The vendor ID.
    package var vendorID: [UInt8]

    /// The payload of `vendorID`.
    package init(vendorID: [UInt8]) {
        self.vendorID = vendorID
    }
}

extension NotifyPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        let protocolID = SecurityProtocol(rawValue: try reader.integer("protocol ID of a notify"))
        let spiSize: UInt8 = try reader.integer("SPI size of a notify")
        let type = NotifyType(rawValue: try reader.integer("notify message type"))
        let spi = Array(try reader.bytes(Int(spiSize), "SPI of a notify"))
        self.init(protocolID: protocolID, spi: spi, type: type, data: Array(reader.rest()))
        try self.checkSPI()
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        try self.checkSPI()
        writer.integer(self.protocolID.rawValue)
        try writer.count(self.spi.count, limit: 8, as: UInt8.self, "SPI size of a notify")
        writer.integer(self.type.rawValue)
        writer.bytes(self.spi)
        writer.bytes(self.data)
    }

    private func checkSPI() throws(WireFault) {
        guard [0, 4, 8].contains(self.spi.count) else {
            throw .badValue(field: "SPI size of a notify", value: UInt64(self.spi.count))
        }
    }
}

extension DeletePayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.protocolID = SecurityProtocol(rawValue: try reader.integer("protocol ID of a delete"))
        let spiSize: UInt8 = try reader.integer("SPI size of a delete")
        let count: UInt16 = try reader.integer("number of SPIs")
        try Self.check(self.protocolID, spiSize: Int(spiSize), count: Int(count))
        var spis: [[UInt8]] = []
        for _ in 0..<count { spis.append(Array(try reader.bytes(Int(spiSize), "SPI of a delete"))) }
        self.spis = spis
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        let isChildSA = self.protocolID == .esp || self.protocolID == .ah
        let spiSize = self.spis.first?.count ?? (isChildSA ? 4 : 0)
        try Self.check(self.protocolID, spiSize: spiSize, count: self.spis.count)
        writer.integer(self.protocolID.rawValue)
        try writer.count(spiSize, limit: 255, as: UInt8.self, "SPI size of a delete")
        try writer.count(
            self.spis.count, limit: WireLimits.deletedSPIs, as: UInt16.self, "SPIs of a delete")
        for spi in self.spis {
            guard spi.count == spiSize else {
                throw .badValue(field: "SPI size of a delete", value: UInt64(spi.count))
            }
            writer.bytes(spi)
        }
    }

    /// "It MUST be zero for IKE … or four for AH and ESP" (RFC 7296 §3.11). Other protocols are not ours to
    /// judge, as long as each SPI has an octet.
    private static func check(
        _ protocolID: SecurityProtocol, spiSize: Int, count: Int
    ) throws(WireFault) {
        let isRight: Bool
        switch protocolID {
        case .ike: isRight = spiSize == 0
        case .esp, .ah: isRight = spiSize == 4
        default: isRight = true
        }
        guard isRight else { throw .badValue(field: "SPI size of a delete", value: UInt64(spiSize)) }
        guard spiSize > 0 || count == 0 else {
            throw .badValue(field: "number of SPIs without octets", value: UInt64(count))
        }
        try WireLimits.check(count, limit: WireLimits.deletedSPIs, "SPIs of a delete")
    }
}

extension VendorIDPayload: PayloadBody {
    init(from reader: inout WireReader) throws(WireFault) {
        self.vendorID = Array(reader.rest())
    }

    func write(to writer: inout WireWriter) throws(WireFault) {
        writer.bytes(self.vendorID)
    }
}
