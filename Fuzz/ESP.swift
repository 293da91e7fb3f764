// modules: ESPCore CryptoOpenSSL IPsecModel CSecureMemory
// libraries: crypto
//
// The packet path of user-space ESP: datagrams on UDP 4500 on their way to the TUN device, and what comes from it. The same
// file is compiled into ESPCoreTests, which replay Fuzz/Corpus/ESP and Fuzz/Regressions/ESP.

import CryptoOpenSSL
import ESPCore
import IPsecModel

/// Runs `octets` through the packet path. Returns which law of it they break, or nil.
///
/// The first octet says what the others are: 0 or 1 datagrams under a cipher that accepts everything, without and with
/// extended sequence numbers; 2 what a TUN device gives; 3 one datagram under AES-GCM.
func espViolation(_ octets: [UInt8]) -> String? {
    guard let first = octets.first else { return nil }
    let rest = Array(octets.dropFirst())
    switch first & 3 {
    case 0, 1: return streamViolation(rest, isExtended: first & 3 == 1)
    case 2: return tunViolation(rest)
    default: return datagramViolation(rest)
    }
}

// MARK: - Datagrams to the TUN device

/// A cipher that takes any packet as it is, so that the fuzzer gets behind the ICV.
private final class OpenTransform: ESPTransform {
    let ivLength = 8
    let icvLength = 16
    let alignment = 4

    func seal(_: inout MutableSpan<UInt8>, _: Range<Int>, sequenceNumber: UInt64) throws(CryptoFault) {}

    func open(_: inout MutableSpan<UInt8>, _: Range<Int>, sequenceNumber: UInt64) throws(CryptoFault) {}
}

private func child(_ suite: ESPSuite, _ keys: ESPKeys, isLimited: Bool) -> ChildSASpec {
    let any = [AddressFamily.v4, .v6].compactMap { family in
        // A quarter of the addresses is outside of the selectors.
        IPPrefix(IPAddress(family: family, number: 0), length: 1).map {
            TrafficSelector(addresses: AddressRange($0))
        }
    }
    let here = Endpoint(IPAddress(family: .v4, number: 0), 4_500)
    return ChildSASpec(
        reqid: 1, inboundSPI: ESPSPI(0xc123_4567), outboundSPI: ESPSPI(0xc123_4567),
        path: Path(local: here, remote: here, confirmedAt: .origin), suite: suite, inboundKeys: keys,
        outboundKeys: keys, localSelectors: any, remoteSelectors: any, replayWindow: 64,
        lifetime: Lifetime(rekey: nil, hard: nil, jitter: .zero),
        packets: isLimited ? VolumeLimit(rekey: 40, hard: 50) : .none)
}

private func suite(_ isExtended: Bool) -> ESPSuite {
    ESPSuite(
        protection: ProtectionSuite(encryption: .aesGCM16, keyLength: 128, integrity: nil),
        sequenceNumbers: isExtended ? .extended : .short, keyExchange: nil)
}

/// Every datagram is counted once, no number is delivered twice, and what is written for the device, cut again, is what
/// was delivered.
private func streamViolation(_ octets: [UInt8], isExtended: Bool) -> String? {
    let datagrams = records(octets)
    let empty = ESPKeys(encryption: SecretBytes(copying: []), integrity: SecretBytes(copying: []))
    let spec = child(suite(isExtended), empty, isLimited: octets.count % 2 == 1)
    let sa = InboundSA(spec, transform: OpenTransform())
    var coalescer = Coalescer(hasHeader: true, joinsTCP: true, joinsUDP: true)
    var memory = datagrams.flatMap { $0 }
    var (written, delivered): ([[UInt8]], [[UInt8]]) = ([], [])
    var (start, dummies, refused) = (0, 0, 0)
    var numbers: Set<UInt64> = []
    let write = { (bytes: Span<UInt8>, pieces: Span<PacketPiece>) in
        written.append(pieces.indices.flatMap { index in pieces[index].range.map { bytes[$0] } })
    }
    for datagram in datagrams {
        let range = start..<(start + datagram.count)
        start = range.upperBound
        var span = memory.mutableSpan
        do throws(InboundSA.Refusal) {
            let opened = try sa.open(&span, range, outerClass: datagram.last ?? 0)
            let number = UInt64(span.load32(range.lowerBound + 4))
            if !isExtended, !numbers.insert(number).inserted { return "a number was taken twice" }
            if opened.isNewest, !isExtended, number != sa.counters.sequenceNumber { return "not the newest" }
            guard let packet = opened.packet else {
                dummies += 1
                continue
            }
            if let violation = violation(of: packet, in: range, span.span) { return violation }
            delivered.append(packet.range.map { span[$0] })
            coalescer.add(packet, in: &span, write: write)
        } catch {
            refused += 1
        }
        _ = sa.takeDue()
    }
    var span = memory.mutableSpan
    coalescer.flush(&span, write: write)
    let counters = sa.counters
    if counters.packets != UInt64(delivered.count) { return "the counter of packets is wrong" }
    if delivered.count + dummies + refused != datagrams.count { return "datagrams are missing" }
    let known = counters.replayed + counters.late + counters.badICV + counters.outsideSelectors
    if known + counters.malformed > UInt64(refused) { return "refusals were counted twice" }
    return joinViolation(delivered, written)
}

/// What a delivered packet must be.
private func violation(of packet: InnerPacket, in range: Range<Int>, _ memory: Span<UInt8>) -> String? {
    if packet.range.lowerBound != range.lowerBound + 16 {
        return "the inner packet is not where the text begins"
    }
    if packet.range.upperBound > range.upperBound - 18 { return "the inner packet has bytes of the trailer" }
    let nextHeader = memory[range.upperBound - 17]
    if nextHeader != (packet.family == .v4 ? 4 : 41) { return "the next header is of another version" }
    let half: UInt64 = packet.family == .v4 ? 1 << 31 : 1 << 63
    let (source, destination) = (packet.source, packet.destination)
    let numbers = packet.family == .v4 ? [source.low, destination.low] : [source.high, destination.high]
    return numbers.allSatisfy { $0 < half } ? nil : "an address outside of the selectors"
}

/// The datagrams that a fuzzer's octets are: each has an octet of orders and two of length before it.
///
/// Orders: 1 makes the inner packet's checksums right; 2 repeats the packet before as the next of its flow, and the octets
/// change it; 4 gives it the next sequence number of ESP.
private func records(_ octets: [UInt8]) -> [[UInt8]] {
    var records: [[UInt8]] = []
    var rest = octets[...]
    while rest.count >= 3, records.count < 200 {
        let orders = rest[rest.startIndex]
        let length = Int(rest[rest.startIndex + 1] & 7) << 8 | Int(rest[rest.startIndex + 2])
        var record = Array(rest.dropFirst(3).prefix(length))
        rest = rest.dropFirst(3 + length)
        if orders & 2 != 0, let last = records.last {
            let changes = record
            record = successor(of: last)
            for pair in stride(from: 0, to: changes.count - 1, by: 2) where Int(changes[pair]) < record.count
            {
                record[Int(changes[pair])] ^= changes[pair + 1]
            }
        }
        if record.count >= 8, orders & 4 != 0 {
            let number = UInt32(records.count + 1)
            for index in 0..<4 {
                record[4 + index] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * index))
            }
        }
        if orders & 1 != 0 { repair(&record) }
        records.append(record)
    }
    return records
}

/// The next packet of the flow of the inner packet in `record`.
private func successor(of record: [UInt8]) -> [UInt8] {
    var next = record
    guard let packet = InnerPacket(record.span, 16..<max(16, record.count)), packet.transportOffset != nil
    else {
        return record
    }
    let (start, transport) = (packet.range.lowerBound, packet.payloadOffset)
    if packet.family == .v4 { set16(&next, at: start + 4, number16(next, start + 4) &+ 1) }
    guard packet.ipProtocol == 6, packet.range.upperBound - transport >= 20 else { return next }
    let payload = packet.range.upperBound - transport - Int(next[transport + 12] >> 4) * 4
    let sequence =
        (UInt32(number16(next, transport + 4)) << 16 | UInt32(number16(next, transport + 6)))
        &+ UInt32(truncatingIfNeeded: payload)
    set16(&next, at: transport + 4, UInt16(truncatingIfNeeded: sequence >> 16))
    set16(&next, at: transport + 6, UInt16(truncatingIfNeeded: sequence))
    return next
}

/// Makes the checksums of the inner packet in `record` right.
private func repair(_ record: inout [UInt8]) {
    guard let packet = InnerPacket(record.span, 16..<max(16, record.count)) else { return }
    let (start, transport) = (packet.range.lowerBound, packet.payloadOffset)
    if packet.family == .v4 {
        let header = start..<(start + Int(record[start] & 15) * 4)
        set16(&record, at: start + 10, 0)
        set16(&record, at: start + 10, ~sum(record[header]))
    }
    guard let field = checksumField(packet) else { return }
    set16(&record, at: field, 0)
    let checksum = ~sum(pseudoHeader(packet, record) + record[transport..<packet.range.upperBound])
    set16(&record, at: field, checksum == 0 ? 0xffff : checksum)
}

// MARK: - The law of joining

/// The packets written, cut again, are those that were delivered: each flow in its order.
private func joinViolation(_ delivered: [[UInt8]], _ written: [[UInt8]]) -> String? {
    var output: [[UInt8]] = []
    for write in written {
        guard let header = OffloadHeader(write.span, at: 0),
            let packets = cut(write, OffloadHeader.length..<write.count, header)
        else { return "what was written cannot be cut" }
        output += packets
    }
    let (before, after) = (flows(delivered), flows(output))
    if before.keys != after.keys { return "flows went missing" }
    return before.allSatisfy { after[$0.key] == $0.value } ? nil : "packets were changed, lost or reordered"
}

private struct FlowKey: Hashable {
    let family: AddressFamily
    let ipProtocol: UInt8
    let source: PackedAddress
    let destination: PackedAddress
    let ports: [UInt16?]
}

private func flows(_ packets: [[UInt8]]) -> [FlowKey: [[UInt8]]] {
    var flows: [FlowKey: [[UInt8]]] = [:]
    for bytes in packets {
        guard let packet = InnerPacket(bytes.span, 0..<bytes.count) else { continue }
        let key = FlowKey(
            family: packet.family, ipProtocol: packet.ipProtocol, source: packet.source,
            destination: packet.destination, ports: [packet.sourcePort, packet.destinationPort])
        flows[key, default: []].append(comparable(bytes, packet))
    }
    return flows
}

/// Without what may differ: an identification that means nothing (RFC 6864 §4.1), and 0xffff for zero in a checksum.
private func comparable(_ bytes: [UInt8], _ packet: InnerPacket) -> [UInt8] {
    var copy = bytes
    if packet.family == .v4, bytes[6] & 0x40 != 0, sum(bytes[..<(Int(bytes[0] & 15) * 4)]) == 0xffff {
        set16(&copy, at: 4, 0)
        set16(&copy, at: 10, 0)
    }
    if let field = checksumField(packet), packet.ipProtocol == 6, number16(copy, field) == 0xffff {
        set16(&copy, at: field, 0)
    }
    return copy
}

// MARK: - The TUN device to datagrams

/// A TUN device's packet: the pieces have the payload of the whole, and headers and checksums that are right.
private func tunViolation(_ octets: [UInt8]) -> String? {
    let range = OffloadHeader.length..<max(OffloadHeader.length, octets.count)
    guard let header = OffloadHeader(octets.span, at: 0),
        let whole = Segmenter(octets.span, range, header)?.packet
    else { return nil }
    guard let packets = cut(octets, range, header), !packets.isEmpty else { return "no packets" }
    guard header.segmentation != .none else {
        return packets.count == 1 && packets[0].count == whole.range.count ? nil : "a whole packet was cut"
    }
    let headers = headersLength(whole, octets)
    let payload = packets.flatMap { $0.dropFirst(headers) }
    if payload != Array(octets[(whole.range.lowerBound + headers)..<whole.range.upperBound]) {
        return "the payload is another"
    }
    for bytes in packets {
        guard let packet = InnerPacket(bytes.span, 0..<bytes.count), packet.range.count == bytes.count else {
            return "a piece is no packet"
        }
        if packet.source != whole.source || packet.destination != whole.destination
            || packet.sourcePort != whole.sourcePort || packet.destinationPort != whole.destinationPort
        {
            return "a piece is of another flow"
        }
        let text = pseudoHeader(packet, bytes) + bytes[packet.payloadOffset...]
        if sum(text) != 0xffff { return "a wrong checksum" }
        if packet.family == .v4, sum(bytes[..<packet.payloadOffset]) != 0xffff {
            return "a wrong header checksum"
        }
        if bytes.count - headers > header.segmentSize { return "a piece is too long" }
    }
    return nil
}

private func headersLength(_ packet: InnerPacket, _ octets: [UInt8]) -> Int {
    let transport = packet.payloadOffset
    let length = packet.ipProtocol == 6 ? Int(octets[transport + 12] >> 4) * 4 : 8
    return transport + length - packet.range.lowerBound
}

private func cut(_ bytes: [UInt8], _ range: Range<Int>, _ header: OffloadHeader) -> [[UInt8]]? {
    guard var segmenter = Segmenter(bytes.span, range, header) else { return nil }
    var packets: [[UInt8]] = []
    while let length = segmenter.nextLength {
        guard length > 0, length <= bytes.count, packets.count <= bytes.count else { return nil }
        var output = [UInt8](repeating: 0, count: length)
        var span = output.mutableSpan
        segmenter.writeNext(of: bytes.span, to: &span, at: 0)
        packets.append(output)
    }
    return packets
}

// MARK: - One datagram

/// The kind of a datagram is that of RFC 3948 §2, and what opens does not open with a bit changed.
private func datagramViolation(_ datagram: [UInt8]) -> String? {
    let isMarked = datagram.count >= 4 && datagram.prefix(4).allSatisfy { $0 == 0 }
    switch EncapsulatedDatagram(datagram.span, 0..<datagram.count) {
    case .keepalive: return datagram == [0xff] ? nil : "a keepalive that is none"
    case .ike: return isMarked ? nil : "IKE without a marker"
    case .runt: return datagram.count < 4 && datagram != [0xff] ? nil : "a runt that is none"
    case .esp(let spi):
        if isMarked || datagram.count < 4 { return "ESP with a marker" }
        let number = UInt32(number16(datagram, 0)) << 16 | UInt32(number16(datagram, 2))
        if spi.number != number { return "another SPI" }
    }
    for isExtended in [false, true] {
        guard opens(datagram, isExtended) else { continue }
        var wrong = datagram
        wrong[Int(datagram[datagram.count - 1]) % datagram.count] ^= 1
        if opens(wrong, isExtended) { return "a wrong packet was opened" }
    }
    return nil
}

/// True if `datagram` is a packet under the key of the captures.
private func opens(_ datagram: [UInt8], _ isExtended: Bool) -> Bool {
    let keys = ESPKeys(
        encryption: SecretBytes(copying: 0x10...0x23 as ClosedRange<UInt8>),
        integrity: SecretBytes(copying: []))
    let suite = suite(isExtended)
    guard let transform = try? OpenSSLProvider().transform(suite, keys: keys, .inbound) else { return false }
    let sa = InboundSA(child(suite, keys, isLimited: false), transform: transform)
    var memory = datagram
    var span = memory.mutableSpan
    // Why it is refused is the unit tests' to check.
    let opened = try? sa.open(&span, 0..<datagram.count, outerClass: 0)
    return opened != nil
}

// MARK: - Numbers and checksums, by the letter of RFC 1071

private func number16(_ bytes: [UInt8], _ offset: Int) -> UInt16 {
    UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
}

private func set16(_ bytes: inout [UInt8], at offset: Int, _ number: UInt16) {
    bytes[offset] = UInt8(number >> 8)
    bytes[offset + 1] = UInt8(truncatingIfNeeded: number)
}

private func sum(_ bytes: some Sequence<UInt8>) -> UInt16 {
    var (sum, isHigh): (UInt32, Bool) = (0, true)
    for byte in bytes {
        sum += isHigh ? UInt32(byte) << 8 : UInt32(byte)
        sum = (sum & 0xffff) + sum >> 16
        isHigh.toggle()
    }
    return UInt16(sum)
}

private func pseudoHeader(_ packet: InnerPacket, _ bytes: [UInt8]) -> [UInt8] {
    let start = packet.range.lowerBound
    let addresses = packet.family == .v4 ? (start + 12)..<(start + 20) : (start + 8)..<(start + 40)
    let length = packet.range.upperBound - packet.payloadOffset
    return bytes[addresses] + [0, packet.ipProtocol, UInt8(length >> 8), UInt8(length & 0xff)]
}

/// Where the checksum of TCP or UDP lies; nil if there is none.
private func checksumField(_ packet: InnerPacket) -> Int? {
    guard let transport = packet.transportOffset, packet.ipProtocol == 6 || packet.ipProtocol == 17 else {
        return nil
    }
    let field = transport + (packet.ipProtocol == 6 ? 16 : 6)
    return field + 2 <= packet.range.upperBound ? field : nil
}

// The tests link several targets into one program, which can have only one entry point for the fuzzer.
#if FUZZING
    /// libFuzzer's entry.
    @_cdecl("LLVMFuzzerTestOneInput")
    func fuzzESP(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        // SAFETY: libFuzzer lends `count` octets at `start` for the length of this call; they are copied.
        let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        if let violation = espViolation(octets) { fatalError(violation) }
        return 0
    }
#endif
