/// What a piece of text says, for those who see colours.
enum Tone: Hashable, Sendable {
    case plain
    case good
    case caution
    case bad
    case heading
}

/// Colours, or none.
struct Palette: Hashable, Sendable {
    /// True if the reader is a terminal that wants colours.
    let isColored: Bool

    /// No colours: for files, pipes and those who set `NO_COLOR`.
    static let plain = Palette(isColored: false)

    /// Colours for a terminal, unless `NO_COLOR` is set and not empty (no-color.org) or the terminal has none.
    static func forOutput(isTerminal: Bool, environment: [String: String]) -> Palette {
        let isRefused = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        return Palette(isColored: isTerminal && !isRefused)
    }

    /// `text` in the colour of `tone`.
    func paint(_ text: String, _ tone: Tone) -> String {
        guard self.isColored, !text.isEmpty, let code = Self.code(tone) else { return text }
        return "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }

    /// The parameter of "select graphic rendition" (ECMA-48 §8.3.117).
    private static func code(_ tone: Tone) -> String? {
        switch tone {
        case .plain: return nil
        case .good: return "32"
        case .caution: return "33"
        case .bad: return "31"
        case .heading: return "1"
        }
    }
}
