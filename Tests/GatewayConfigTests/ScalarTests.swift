internal import Testing

@testable internal import GatewayConfig

/// Single values and the words about wrong ones.
struct ScalarTests {
    private func located(_ text: String) -> LocatedText {
        let bytes = Array(text.utf8)
        return LocatedText(
            bytes: bytes, origins: bytes.indices.map(UInt32.init),
            span: SourceSpan(file: 0, start: 0, end: bytes.count))
    }

    private func fault<Value>(_ body: () throws -> Value) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? ValueFault)?.text
        }
    }

    @Test(arguments: ["yes", "true", "enabled", "1", "YES", "True"])
    func `yes has several spellings`(_ text: String) throws {
        #expect(try Scalar.boolean(self.located(text)))
    }

    @Test(arguments: ["no", "false", "disabled", "0", "No"])
    func `no has several spellings`(_ text: String) throws {
        #expect(try !Scalar.boolean(self.located(text)))
    }

    @Test(arguments: ["on", "off", "y", "2", "yes yes"])
    func `anything else is neither`(_ text: String) {
        #expect(self.fault { try Scalar.boolean(self.located(text)) } == "'\(text)' is neither yes nor no")
    }

    @Test(arguments: [
        ("0", 0), ("30", 30), ("30s", 30), ("15m", 900), ("4h", 14_400), ("1d", 86_400), ("1H", 3_600),
        ("3650d", 315_360_000),
    ])
    func `times have a unit or are seconds`(_ text: String, _ seconds: Int) throws {
        #expect(try Scalar.time(self.located(text)) == .seconds(seconds))
    }

    @Test(arguments: [
        "h", "1w", "-1", "1.5h", "1h30m", " ", "1 h", "99999999999999999999", "99999999999999999d", "٣",
    ])
    func `what is no time is refused`(_ text: String) {
        #expect(
            self.fault { try Scalar.time(self.located(text)) }
                == "'\(text)' is not a time such as 30s, 15m, 4h or 1d")
    }

    @Test func `a time of more than ten years is refused`() {
        #expect(self.fault { try Scalar.time(self.located("3651d")) } == "'3651d' is longer than ten years")
    }

    @Test(
        arguments: [
            ("0", 0), ("1500", 1_500), ("2k", 2_048), ("3m", 3_145_728), ("10g", 10_737_418_240),
            ("17179869183g", 18_446_744_072_635_809_792),
        ] as [(String, UInt64)])
    func `volumes have a unit or are bytes`(_ text: String, _ bytes: UInt64) throws {
        #expect(try Scalar.volume(self.located(text)) == bytes)
    }

    @Test(arguments: ["g", "1t", "17179869184g", "-1", "1.5g"])
    func `what is no volume is refused`(_ text: String) {
        #expect(
            self.fault { try Scalar.volume(self.located(text)) }
                == "'\(text)' is not a number of bytes such as 500m or 10g")
    }

    @Test(arguments: [("0", 0), ("65535", 65_535), ("0x10", 16), ("0xFFff", 65_535)] as [(String, UInt64)])
    func `numbers are decimal or hexadecimal`(_ text: String, _ number: UInt64) throws {
        #expect(try Scalar.number(self.located(text), in: 0...65_535) == number)
    }

    @Test(arguments: [
        ("65536", "'65536' is out of range: 0 to 65535"), ("0x", "'0x' is not a number"),
        ("+1", "'+1' is not a number"),
        ("1e3", "'1e3' is not a number"),
        ("99999999999999999999", "'99999999999999999999' is out of range: 0 to 65535"),
    ])
    func `other numbers are refused`(_ text: String, _ message: String) {
        #expect(self.fault { try Scalar.number(self.located(text), in: 0...65_535) } == message)
    }

    @Test(arguments: ["nan", "inf", "0x1p3", "1e1", "-1", "", ".", "1.2.3", "11", "0.9"])
    func `decimals are plain and within their range`(_ text: String) {
        #expect(
            self.fault { try Scalar.decimal(self.located(text), in: 1...10) }
                == "'\(text)' is not a number from 1.0 to 10.0")
    }

    @Test func `a long value is shown cut`() {
        let text = String(repeating: "x", count: 500)
        #expect(
            self.fault { try Scalar.boolean(self.located(text)) }
                == "'\(String(repeating: "x", count: 80))…' is neither yes nor no")
    }

    @Test(arguments: [
        ("dpd_dealy", "dpd_delay"), ("propsals", "proposals"), ("PROPOSALS", "proposals"), ("i", nil),
        ("xyz", nil),
        ("dpddelay", "dpd_delay"), ("proposalsss", "proposals"), ("propo", nil),
    ])
    func `the nearest name is one or two slips away`(_ word: String, _ name: String?) {
        #expect(nearest(word, among: ["dpd_delay", "dpd_timeout", "proposals", "id"]) == name)
    }

    @Test(arguments: [
        (59, "59s"), (60, "1m"), (90, "90s"), (3_600, "1h"), (5_400, "90m"), (86_400, "1d"), (0, "0s"),
    ])
    func `times are shown as a file writes them`(_ seconds: Int, _ text: String) {
        #expect(Duration.seconds(seconds).configured == text)
    }

    @Test func `parts of a text know where they stood`() {
        let text = self.located("ab , cd,, e ")
        #expect(text.items.map(\.string) == ["ab", "cd", "e"])
        #expect(text.items.map(\.span.start) == [0, 5, 10])
        #expect(text.items.map(\.span.end) == [2, 7, 11])
    }
}
