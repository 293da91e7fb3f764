import CryptoOpenSSL
import IPsecModel
import Testing

@testable import CryptoIPsecMB

/// When intel-ipsec-mb is used, and what is said when it is not.
@Suite struct ChoiceTests {
    private let openSSL = OpenSSLProvider()

    private static func reason(_ fileName: String, _ flags: String) -> String? {
        do {
            _ = try IPsecMBProvider(
                fileName, ProcessorFlags(cpuinfo: "processor\t: 0\nflags\t\t: \(flags)\n"))
            return nil
        } catch { return error.reason }
    }

    #if arch(x86_64)
        @Test func `a library that is not installed is told`() {
            #expect(Self.reason("libNoSuch.so.1", "aes pclmulqdq avx") == "libNoSuch.so.1 is not installed")
        }

        // libc.so.6 stands for a library that is something else.
        @Test func `a library without our functions is told`() throws {
            let reason = try #require(Self.reason("libc.so.6", "aes pclmulqdq avx"))
            #expect(reason.contains("has no imb_get_version"))
        }

        @Test(arguments: ["", "avx2 bmi2 avx", "aes pclmulqdq"])
        func `a processor without the instructions is told`(_ flags: String) throws {
            let reason = try #require(Self.reason(IPsecMBLibrary.fileName, flags))
            #expect(reason.contains("the processor has no"))
        }
    #endif

    @Test func `flags are those of the first processor`() {
        let flags = ProcessorFlags(cpuinfo: "model name\t: aes\nflags\t\t: avx avx2\n\nflags\t\t: vaes\n")
        #expect(flags.have("avx avx2"))
        #expect(!flags.have("avx vaes"))
        #expect(!flags.have("aes"))
        #expect(flags.have(""))
    }

    @Test func `a provider that computes something else is found out`() throws {
        for change in Spoiled.Change.allCases {
            let difference = TransformComparison.difference(Spoiled(self.openSSL, change), self.openSSL)
            #expect(difference != nil, "\(change)")
        }
        #expect(TransformComparison.difference(self.openSSL, self.openSSL) == nil)
    }

    @Test func `one that is slower is not chosen`() {
        let choice = IPsecMBProvider.faster(Spoiled(self.openSSL, .slow), self.openSSL)
        #expect(choice.provider === self.openSSL)
        #expect(choice.reason.contains("is not faster"))
        let other = IPsecMBProvider.faster(self.openSSL, Spoiled(self.openSSL, .slow))
        #expect(other.provider is PreferredTransforms)
        #expect(other.reason.contains("for AES-GCM: 1400 bytes are sealed in"))
    }

    @Test func `what the preferred provider lacks comes from the other one`() throws {
        let preferred = PreferredTransforms(Spoiled(self.openSSL, .lacksAll), otherwise: self.openSSL)
        let suite = try #require(ESPSuite.gcm.first)
        #expect(try preferred.transform(suite, keys: suite.someKeys, .inbound).icvLength == 16)
        #expect(preferred.name == "spoiled, else \(self.openSSL.name)")
        // A wrong key is nobody's lack.
        let wrong = ESPKeys(encryption: SecretBytes(copying: [1]), integrity: SecretBytes(copying: []))
        #expect(throws: CryptoFault.self) { try preferred.transform(suite, keys: wrong, .inbound) }
    }
}

/// OpenSSL with a fault.
private final class Spoiled: ESPTransformProvider {
    enum Change: CaseIterable {
        case sealsOneBitWrong, opensAnything, ignoresHighHalf, longTextsWrong, lacksAll, slow

        static let allCases: [Change] = [
            .sealsOneBitWrong, .opensAnything, .ignoresHighHalf, .longTextsWrong, .lacksAll,
        ]
    }

    private let real: any ESPTransformProvider
    private let change: Change
    let name = "spoiled"

    init(_ real: any ESPTransformProvider, _ change: Change) {
        self.real = real
        self.change = change
    }

    func transform(
        _ suite: ESPSuite, keys: ESPKeys, _ direction: ESPDirection
    ) throws(CryptoFault) -> any ESPTransform {
        guard self.change != .lacksAll else { throw .unavailable("everything") }
        return SpoiledTransform(try self.real.transform(suite, keys: keys, direction), self.change)
    }
}

private final class SpoiledTransform: ESPTransform {
    private let real: any ESPTransform
    private let change: Spoiled.Change
    var ivLength: Int { self.real.ivLength }
    var icvLength: Int { self.real.icvLength }
    var alignment: Int { self.real.alignment }

    init(_ real: any ESPTransform, _ change: Spoiled.Change) {
        self.real = real
        self.change = change
    }

    func seal(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        try self.real.seal(&memory, packet, sequenceNumber: self.number(sequenceNumber))
        let isWrong =
            self.change == .sealsOneBitWrong || self.change == .longTextsWrong && packet.count > 9_000
        if isWrong { memory[packet.upperBound - 1] ^= 1 }
        if self.change == .slow {
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .microseconds(20) {}
        }
    }

    func open(
        _ memory: inout MutableSpan<UInt8>, _ packet: Range<Int>, sequenceNumber: UInt64
    ) throws(CryptoFault) {
        do {
            try self.real.open(&memory, packet, sequenceNumber: self.number(sequenceNumber))
        } catch {
            guard self.change == .opensAnything else { throw error }
        }
    }

    private func number(_ number: UInt64) -> UInt64 {
        self.change == .ignoresHighHalf ? number & 0xffff_ffff : number
    }
}
