/// The text of one configuration file, and where its lines begin.
struct SourceFile {
    /// The name that diagnostics show.
    let name: String
    /// The text in UTF-8.
    let bytes: [UInt8]
    private let lineStarts: [Int]

    init(name: String, text: String) {
        self.name = name
        self.bytes = Array(text.utf8)
        var starts = [0]
        for (index, byte) in self.bytes.enumerated() where byte == .newline { starts.append(index + 1) }
        self.lineStarts = starts
    }

    /// The line and the column of a byte, both counted from 1; a column is a Unicode scalar.
    func position(of offset: Int) -> (line: Int, column: Int) {
        let line = self.lineIndex(of: offset)
        return (line + 1, self.scalars(in: self.lineStarts[line]..<max(offset, self.lineStarts[line])) + 1)
    }

    /// The bytes of the line around `offset`, without its end.
    func line(around offset: Int) -> Range<Int> {
        let line = self.lineIndex(of: offset)
        let start = self.lineStarts[line]
        var end = line + 1 < self.lineStarts.count ? self.lineStarts[line + 1] - 1 : self.bytes.count
        if end > start, self.bytes[end - 1] == .carriageReturn { end -= 1 }
        return start..<end
    }

    /// How many Unicode scalars begin in `range`.
    func scalars(in range: Range<Int>) -> Int {
        self.bytes[range.clamped(to: 0..<self.bytes.count)].count { $0 & 0xc0 != 0x80 }
    }

    private func lineIndex(of offset: Int) -> Int {
        var low = 0
        var high = self.lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if self.lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }
}

/// A part of a file, as byte offsets.
struct SourceSpan: Hashable {
    /// The index of the file among those read.
    let file: Int
    /// The first byte.
    let start: Int
    /// The byte after the last.
    let end: Int
}

/// Text from a file that remembers where each of its bytes stood.
///
/// A value may come from several pieces (`a  b "c"`), so that neighbours in the text need not be neighbours
/// in the file.
struct LocatedText {
    /// The text in UTF-8, quotes and escapes undone.
    let bytes: ArraySlice<UInt8>
    /// For each byte of the text its offset in the file.
    private let origins: ArraySlice<UInt32>
    /// Where it stood, quotes included.
    let span: SourceSpan
    /// True if no diagnostic may show it.
    let isSecret: Bool

    /// The text `bytes`, of which byte n stood at `origins[n]`.
    init(bytes: [UInt8], origins: [UInt32], span: SourceSpan, isSecret: Bool = false) {
        self.init(bytes: bytes[...], origins: origins[...], span: span, isSecret: isSecret)
    }

    private init(
        bytes: ArraySlice<UInt8>, origins: ArraySlice<UInt32>, span: SourceSpan, isSecret: Bool
    ) {
        self.bytes = bytes
        self.origins = origins
        self.span = span
        self.isSecret = isSecret
    }

    /// The text as a string.
    var string: String { String(decoding: self.bytes, as: UTF8.self) }

    /// The text in single quotes for a message, cut to what a line can hold; a secret is only named.
    var quoted: String {
        guard !self.isSecret else { return "the value" }
        let text = self.string
        return text.count > 80 ? "'\(text.prefix(80))…'" : "'\(text)'"
    }

    var isEmpty: Bool { self.bytes.isEmpty }

    /// The same text, which no diagnostic may show.
    var hidden: LocatedText {
        LocatedText(bytes: self.bytes, origins: self.origins, span: self.span, isSecret: true)
    }

    /// The part `range`, counted in bytes from the text's first, which the caller has taken from this text.
    func part(_ range: Range<Int>) -> LocatedText {
        let bytes = self.bytes.dropFirst(range.lowerBound).prefix(range.count)
        let origins = self.origins.dropFirst(range.lowerBound).prefix(range.count)
        guard let first = origins.first, let last = origins.last else {
            let place = self.origins.dropFirst(range.lowerBound).first.map(Int.init) ?? self.span.end
            let span = SourceSpan(file: self.span.file, start: place, end: place)
            return LocatedText(bytes: bytes, origins: origins, span: span, isSecret: self.isSecret)
        }
        let span = SourceSpan(file: self.span.file, start: Int(first), end: Int(last) + 1)
        return LocatedText(bytes: bytes, origins: origins, span: span, isSecret: self.isSecret)
    }

    /// The parts between the bytes `separator`, blanks around them taken off, empty ones kept.
    func split(on separator: UInt8) -> [LocatedText] {
        var parts: [LocatedText] = []
        var start = 0
        for (index, byte) in self.bytes.enumerated() where byte == separator {
            parts.append(self.part(start..<index).trimmed)
            start = index + 1
        }
        parts.append(self.part(start..<self.bytes.count).trimmed)
        return parts
    }

    /// The items of a list with commas; empty ones are left out, as swanctl does.
    var items: [LocatedText] { self.split(on: UInt8(ascii: ",")).filter { !$0.isEmpty } }

    private var trimmed: LocatedText {
        var low = 0
        var high = self.bytes.count
        while low < high, self.bytes[self.bytes.startIndex + low].isBlank { low += 1 }
        while high > low, self.bytes[self.bytes.startIndex + high - 1].isBlank { high -= 1 }
        return self.part(low..<high)
    }
}

extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")

    /// Space, tab and carriage return, which only separate.
    var isBlank: Bool { self == 0x20 || self == 0x09 || self == .carriageReturn }

    /// The bytes that no configuration file needs: control characters other than blanks and newline.
    var isForbiddenControl: Bool { (self < 0x20 && !self.isBlank && self != .newline) || self == 0x7f }
}
