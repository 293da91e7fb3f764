internal import ControlCodec
internal import ControlProtocol
internal import Foundation
internal import Testing

@testable internal import CulvertCLI

/// A file of Vectors without its first line, which names the source.
func vector(_ name: String) throws -> String {
    let url = try #require(Bundle.module.url(forResource: "Vectors/\(name)", withExtension: nil))
    let text = try String(contentsOf: url, encoding: .utf8)
    return String(try #require(text.split(separator: "\n", maxSplits: 1).last))
}

/// A vector's JSON as one line, as the socket carries it.
func line(_ name: String) throws -> [UInt8] {
    Array(try vector(name).utf8.filter { $0 != 0x0a })
}

/// The status report of the site that all screens show.
func site() throws -> StatusReport {
    guard case .success(let report) = try ControlCodec.reply(StatusReport.self, line("site.json")) else {
        throw CocoaError(.coderReadCorrupt)
    }
    return report
}

extension SAReport {
    /// The IKE_SAs of a site, or only those of one connection.
    init(_ site: StatusReport, only name: String? = nil) {
        self.init(
            reportedAt: site.reportedAt, peers: site.peers.filter { name == nil || $0.name == name })
    }
}
