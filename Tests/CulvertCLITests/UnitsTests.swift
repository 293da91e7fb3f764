internal import ControlProtocol
internal import Testing

@testable internal import CulvertCLI

struct UnitsTests {
    @Test(arguments: [
        (nil, "-"), (0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KiB"), (1_536, "1.5 KiB"),
        (10_188, "9.9 KiB"), (10_189, "10 KiB"), (1_048_063, "1023 KiB"), (1_048_064, "1.0 MiB"),
        (92_274_688, "88 MiB"), (1_187_310_442, "1.1 GiB"), (1 << 40, "1.0 TiB"), (1 << 50, "1.0 PiB"),
        (UInt64.max, "16 EiB"),
    ])
    func `bytes are shown with two digits and more`(count: UInt64?, text: String) {
        #expect(Units.bytes(count) == text)
    }

    @Test(arguments: [
        (0, "0"), (999, "999"), (1_000, "1 000"), (1_187_310_442, "1 187 310 442"),
        (UInt64.max, "18 446 744 073 709 551 615"),
    ])
    func `digits stand in groups of three`(number: UInt64, text: String) {
        #expect(Units.grouped(number) == text)
    }

    @Test(arguments: [
        (-5, "0s", "0s", "0 s"), (0, "0s", "0s", "0 s"), (59, "59s", "59s", "59 s"),
        (60, "1m 00s", "1m", "1m 00s"), (1_323, "22m 03s", "22m", "22m 03s"),
        (3_599, "59m 59s", "59m", "59m 59s"), (3_600, "1h 0m", "1h 0m", "1h 0m"),
        (86_399, "23h 59m", "23h 59m", "23h 59m"), (86_400, "1d 0h", "1d 0h", "1d 0h"),
        (Int64.max, "106751991167300d 15h", "106751991167300d 15h", "106751991167300d 15h"),
    ])
    func `spans have two units at most`(seconds: Int64, span: String, coarse: String, spoken: String) {
        #expect(Units.span(seconds) == span)
        #expect(Units.coarseSpan(seconds) == coarse)
        #expect(Units.spoken(seconds) == spoken)
    }

    @Test(arguments: [(274_320, "3d 4h 12m"), (15_120, "4h 12m"), (42, "42s")])
    func `an uptime of days has its minutes too`(seconds: Int64, text: String) {
        #expect(Units.longSpan(seconds) == text)
    }

    @Test func `moments are told from now`() {
        let now = Timestamp(secondsSince1970: 1_000_000)
        #expect(Units.ago(now.advanced(bySeconds: -4), now: now) == "4 s ago")
        #expect(Units.ago(now.advanced(bySeconds: 4), now: now) == "0 s ago")
        #expect(Units.until(now.advanced(bySeconds: 31), now: now) == "in 31 s")
        #expect(Units.until(now, now: now) == "due now")
        #expect(Units.until(now.advanced(bySeconds: -1), now: now) == "due now")
    }

    @Test(arguments: [
        ("203.0.113.7:31022", "203.0.113.7:28810", ":31022"),
        ("203.0.113.8:31022", "203.0.113.7:28810", "203.0.113.8:31022"),
        ("[2001:db8::1]:4500", "[2001:db8::1]:500", ":4500"),
    ])
    func `an endpoint of the same address is shortened to its port`(to: String, from: String, text: String) {
        #expect(to.relative(to: from) == text)
    }

    @Test func `columns are as wide as their widest cell, and lines have no blanks at their end`() {
        var table = Table(header: ["A", "LONG", "C"])
        table.add(["four", "x", ""])
        table.add(["", "y"])
        #expect(table.lines(.plain) == ["A     LONG  C", "four  x", "      y"])
    }

    @Test func `numbers stand at the right of their column`() {
        var table = Table(indentation: 1, rightAligned: [1])
        table.add(["in", "1 000", "last"])
        table.add(["out", "20"])
        table.add(["", "", "x"])
        #expect(table.lines(.plain) == [" in   1 000  last", " out     20", "             x"])
    }

    @Test func `colours take no room`() {
        var table = Table()
        table.add([Cell("up", .good), "x"])
        table.add([Cell("down", .bad), "y"])
        let lines = table.lines(Palette(isColored: true))
        #expect(lines == ["\u{1b}[32mup\u{1b}[0m    x", "\u{1b}[31mdown\u{1b}[0m  y"])
    }

    @Test(arguments: [
        (true, [:], true), (false, [:], false), (true, ["NO_COLOR": "1"], false),
        (true, ["NO_COLOR": ""], true), (true, ["TERM": "dumb"], false), (true, ["TERM": "xterm"], true),
    ])
    func `colours need a terminal, and NO_COLOR takes them away`(
        isTerminal: Bool, environment: [String: String], isColored: Bool
    ) {
        let palette = Palette.forOutput(isTerminal: isTerminal, environment: environment)
        #expect(palette.isColored == isColored)
    }
}
