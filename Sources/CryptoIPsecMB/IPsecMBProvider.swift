package import IPsecModel

/// ESP transforms by intel-ipsec-mb: AES-GCM with a 16-byte ICV and keys of 128 or 256 bits, on x86-64.
///
/// All other suites are `.unavailable`; `PreferredTransforms` asks somebody else for them.
package final class IPsecMBProvider: ESPTransformProvider {
    private let ipsecMB: IPsecMBLibrary
    private let functions: [Int: GCMFunctions]

    /// Opens the library, and lets it seal and open packets together with `reference`, in both directions.
    ///
    /// A library that is missing, strange or wrong is told by a sentence. It takes about 10 ms.
    package convenience init(
        checkedAgainst reference: any ESPTransformProvider
    ) throws(IPsecMBUnavailable) {
        try self.init(IPsecMBLibrary.fileName, .ofThisMachine)
        if let difference = TransformComparison.difference(self, reference) {
            throw IPsecMBUnavailable(reason: "\(self.name) failed the self-test: \(difference)")
        }
    }

    /// Opens the library `fileName` for a processor with `flags`, without the self-test.
    init(_ fileName: String, _ flags: ProcessorFlags) throws(IPsecMBUnavailable) {
        #if arch(x86_64)
            let library = try IPsecMBLibrary(fileName, flags)
            self.ipsecMB = library
            self.functions = [
                128: try GCMFunctions(library, keyLength: 16), 256: try GCMFunctions(library, keyLength: 32),
            ]
        #else
            throw IPsecMBUnavailable(reason: "intel-ipsec-mb is for x86-64")
        #endif
    }

    /// `intel-ipsec-mb` with its version and the kind of functions that it uses here.
    package var name: String { "intel-ipsec-mb \(self.ipsecMB.version) (\(self.ipsecMB.suffix))" }

    package func transform(
        _ suite: ESPSuite, keys: ESPKeys, _ direction: ESPDirection
    ) throws(CryptoFault) -> any ESPTransform {
        let protection = suite.protection
        guard protection.encryption == .aesGCM16, let functions = self.functions[protection.keyLength]
        else {
            throw .unavailable(
                "encryption \(protection.encryption.rawValue) with \(protection.keyLength) bits")
        }
        guard protection.integrity == nil, keys.integrity.count == 0 else {
            throw .wrongLength(what: "integrity key", need: 0, have: keys.integrity.count)
        }
        return try GCMTransform(
            functions, keyAndSalt: keys.encryption, direction,
            hasExtendedNumbers: suite.sequenceNumbers == .extended)
    }
}
