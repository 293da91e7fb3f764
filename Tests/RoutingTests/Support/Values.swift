internal import Foundation
internal import IPsecModel
internal import Testing

@testable internal import Routing

func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

/// A range `first-last` or a prefix, as a selector of all its packets.
func selector(_ text: String) throws -> TrafficSelector {
    let ends = text.split(separator: "-").map(String.init)
    guard ends.count == 2 else { return TrafficSelector(try prefix(text)) }
    let range = try #require(AddressRange(try address(ends[0]), try address(ends[1])))
    return TrafficSelector(addresses: range)
}

func child(
    _ reqid: UInt32 = 1, local: [String] = ["10.1.0.0/24"], own: [String]? = nil, remote: [String],
    outer: String = "0.0.0.0",
    peer: String = "198.51.100.7", mtu: Int = 1_400
) throws -> TunnelChild {
    TunnelChild(
        reqid: reqid, localSelectors: try local.map { try selector($0) },
        ownNetworks: try own?.map { try selector($0) },
        remoteSelectors: try remote.map { try selector($0) }, outer: try address(outer),
        peer: try address(peer), mtu: mtu)
}

/// The lines of a file of Vectors that begin with a name: what follows the name.
func vectors(_ file: String) throws -> [String: [String]] {
    let url = try #require(
        Bundle.module.url(forResource: file, withExtension: "txt", subdirectory: "Vectors"))
    var lines: [String: [String]] = [:]
    for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    where !line.hasPrefix("#") {
        let fields = line.split(separator: " ").map(String.init)
        lines[fields[0]] = Array(fields.dropFirst())
    }
    return lines
}
