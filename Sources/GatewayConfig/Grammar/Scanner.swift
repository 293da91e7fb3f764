/// Steps through the bytes of one file.
struct Scanner {
    let file: Int
    let bytes: [UInt8]
    private(set) var offset = 0

    init(file: Int, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    /// The byte at hand, or nil at the end.
    var current: UInt8? { self.offset < self.bytes.count ? self.bytes[self.offset] : nil }

    /// The byte after it.
    var next: UInt8? { self.offset + 1 < self.bytes.count ? self.bytes[self.offset + 1] : nil }

    /// Goes one byte further; stays at the end.
    mutating func step() {
        if self.offset < self.bytes.count { self.offset += 1 }
    }

    /// Skips blanks within the line.
    mutating func skipBlanks() {
        while let byte = self.current, byte.isBlank { self.step() }
    }

    /// Skips blanks, ends of lines and comments.
    mutating func skipSpace() {
        while let byte = self.current {
            if byte == UInt8(ascii: "#") {
                self.skipLine()
            } else if byte.isBlank || byte == .newline {
                self.step()
            } else {
                return
            }
        }
    }

    /// Goes to the end of the line, or of the file.
    mutating func skipLine() {
        while let byte = self.current, byte != .newline { self.step() }
    }

    /// The span from `start` to the byte at hand.
    func span(from start: Int) -> SourceSpan {
        SourceSpan(file: self.file, start: start, end: self.offset)
    }

    /// The span of the byte at hand.
    var here: SourceSpan {
        SourceSpan(file: self.file, start: self.offset, end: min(self.offset + 1, self.bytes.count))
    }

    /// A name: printable characters without `. , : { } = " #`. Empty if none stands here.
    mutating func name() -> LocatedText {
        let start = self.offset
        while let byte = self.current, byte.isNameByte { self.step() }
        let origins = (start..<self.offset).map { UInt32($0) }
        return LocatedText(
            bytes: Array(self.bytes[start..<self.offset]), origins: origins, span: self.span(from: start))
    }
}

extension UInt8 {
    /// True for the bytes of names (strongswan.conf(5), "SYNTAX"); those above 127 belong to UTF-8.
    var isNameByte: Bool {
        switch self {
        case UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "{"), UInt8(ascii: "}"),
            UInt8(ascii: "="), UInt8(ascii: "\""), UInt8(ascii: "#"), 0x7f:
            return false
        default: return self > 0x20
        }
    }
}

/// Puts together the text of a value from the pieces that the file holds.
struct TextBuilder {
    private(set) var bytes: [UInt8] = []
    private(set) var origins: [UInt32] = []

    /// Adds a byte that stood at `origin`, or that something there stands for.
    mutating func append(_ byte: UInt8, from origin: Int) {
        self.bytes.append(byte)
        self.origins.append(UInt32(truncatingIfNeeded: origin))
    }

    func text(_ span: SourceSpan, isSecret: Bool) -> LocatedText {
        LocatedText(bytes: self.bytes, origins: self.origins, span: span, isSecret: isSecret)
    }
}

/// Where the text stops making sense. The report has the reason.
struct SyntaxFault: Error {}
