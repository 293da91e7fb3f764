// modules: GatewayConfig IPsecModel CSecureMemory
//
// The parser of configuration files. The same file is compiled into GatewayConfigTests, which replay
// Fuzz/Corpus/Configuration and Fuzz/Regressions/Configuration.

import GatewayConfig
import IPsecModel

/// Parses `octets`. Returns which law of the parser they break, or nil.
///
/// There is either a configuration or an error; every diagnostic has a place, fits on a screen and cannot steer a
/// terminal. What stands behind an octet 0xFF is a file that `include` finds, whatever its pattern.
func configurationViolation(_ octets: [UInt8]) -> String? {
    let texts = octets.split(separator: 0xff, maxSplits: 8, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    var included = 0
    let result = ConfigurationParser.parse(name: "0", text: texts[0]) { pattern, _ in
        guard texts.count > 1 else { return .failure(IncludeFault(reason: pattern)) }
        included += 1
        return .success([IncludedFile(name: String(included), text: texts[1 + included % (texts.count - 1)])])
    }
    if (result.configuration == nil) != (result.errorCount > 0) {
        return "errors and a configuration, or neither"
    }
    if result.diagnostics.count > min(result.errorCount + result.warningCount, 200) {
        return "too many diagnostics"
    }
    if result.files.count > 1_000 { return "too many files" }
    for diagnostic in result.diagnostics {
        if let violation = violation(of: diagnostic, files: result.files) { return violation }
    }
    return result.configuration.flatMap(violation(of:))
}

private func violation(of diagnostic: Diagnostic, files: [String]) -> String? {
    if diagnostic.line < 1 || diagnostic.column < 1 || diagnostic.length < 1 {
        return "a diagnostic without a place"
    }
    if diagnostic.sourceLine.unicodeScalars.count > 200 { return "a source line that is too long" }
    if !files.contains(diagnostic.file) { return "a diagnostic of another file" }
    if diagnostic.message.isEmpty || diagnostic.message.utf8.count > 2_000 { return "a message that is none" }
    let screen = diagnostic.render()
    if screen.split(separator: "\n").count > 3 { return "a diagnostic of more than three lines" }
    let controls = screen.unicodeScalars.filter { ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7f }
    return controls.count <= 2 && controls.allSatisfy { $0 == "\n" }
        ? nil : "a control character on the screen"
}

/// What a checked configuration promises to its users.
private func violation(of configuration: GatewayConfiguration) -> String? {
    if configuration.limits.retransmission.isEmpty { return "a request without a wait" }
    if configuration.secrets.contains(where: { $0.key.count == 0 }) { return "an empty key" }
    for connection in configuration.connections {
        let children = connection.children
        let proposals = connection.proposals + children.flatMap(\.proposals)
        if connection.proposals.isEmpty || children.contains(where: \.proposals.isEmpty) {
            return "no proposal"
        }
        if proposals.contains(where: { $0.transforms(.encryption).isEmpty }) {
            return "a proposal without a cipher"
        }
        if children.contains(where: { $0.localSelectors.isEmpty || $0.remoteSelectors.isEmpty }) {
            return "a child without selectors"
        }
        for lifetime in [connection.lifetime] + children.map(\.lifetime) {
            guard let rekey = lifetime.rekey else { continue }
            if rekey <= .zero || lifetime.jitter < .zero || lifetime.jitter > rekey {
                return "an odd lifetime"
            }
        }
    }
    return nil
}

// The tests link several targets into one program, which can have only one entry point for the fuzzer.
#if FUZZING
    /// libFuzzer's entry.
    @_cdecl("LLVMFuzzerTestOneInput")
    func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        // SAFETY: libFuzzer lends `count` octets at `start` for the length of this call; they are copied.
        let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        if let violation = configurationViolation(octets) { fatalError(violation) }
        return 0
    }
#endif
