/// A piece of text with its tone.
struct Cell: Hashable, Sendable, ExpressibleByStringInterpolation {
    /// What is shown.
    let text: String
    /// What it says.
    let tone: Tone

    /// `text` in `tone`.
    init(_ text: String, _ tone: Tone = .plain) {
        self.text = text
        self.tone = tone
    }

    init(stringLiteral value: String) {
        self.init(value)
    }
}

/// Rows whose columns are as wide as their widest cell.
struct Table: Sendable {
    private let indentation: String
    private let rightAligned: Set<Int>
    private var rows: [[Cell]] = []

    /// An empty table; the columns in `rightAligned` (from 0) have their padding before the text.
    init(indentation: Int = 0, rightAligned: Set<Int> = []) {
        self.indentation = String(repeating: " ", count: indentation)
        self.rightAligned = rightAligned
    }

    /// A table under `header`.
    init(header: [String]) {
        self.init()
        self.rows.append(header.map { Cell($0, .heading) })
    }

    /// Adds a row; rows may differ in length.
    mutating func add(_ row: [Cell]) {
        self.rows.append(row)
    }

    /// One line for each row, without spaces at the end.
    func lines(_ palette: Palette) -> [String] {
        var widths: [Int] = []
        for row in self.rows {
            for (column, cell) in row.enumerated() {
                if column == widths.count { widths.append(0) }
                widths[column] = max(widths[column], cell.text.count)
            }
        }
        return self.rows.map { self.line($0, widths: widths, palette) }
    }

    private func line(_ row: [Cell], widths: [Int], _ palette: Palette) -> String {
        var line = self.indentation
        // Padding is written only when something follows it.
        var pending = ""
        for (column, cell) in row.enumerated() {
            let padding = String(repeating: " ", count: widths[column] - cell.text.count)
            let isRight = self.rightAligned.contains(column)
            if !cell.text.isEmpty {
                line += pending + (isRight ? padding : "") + palette.paint(cell.text, cell.tone)
                pending = ""
            } else if isRight {
                pending += padding
            }
            pending += (isRight ? "" : padding) + "  "
        }
        return line
    }
}
