extension GrammarParser {
    mutating func include(
        _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) {
        let pattern = try self.pattern(&scanner, in: section)
        guard let includingFile = self.openFiles.last else { return }
        guard self.openFiles.count < GrammarLimits.includeDepth else {
            throw self.fault(
                pattern.span, "files include one another: \(GrammarLimits.includeDepth) deep at most")
        }
        let files: [IncludedFile]
        switch self.loader(pattern.string, includingFile) {
        case .success(let found): files = found
        case .failure(let fault): throw self.fault(pattern.span, "cannot include: \(fault.reason)")
        }
        let isWild = pattern.bytes.contains { $0.isWildcard }
        guard !files.isEmpty || isWild else { throw self.fault(pattern.span, "cannot include: no such file") }
        for file in files {
            guard !self.openFiles.contains(file.name) else {
                throw self.fault(pattern.span, "'\(file.name)' includes itself")
            }
            guard self.report.files.count < GrammarLimits.files else {
                throw self.fault(pattern.span, "more than \(GrammarLimits.files) files")
            }
            try self.read(file, into: section.node, isSecret: section.isSecret)
        }
    }

    /// The file name of an `include`: one word, in which a backslash takes the next character as it is, or a
    /// quoted string.
    private func pattern(
        _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) -> LocatedText {
        scanner.skipBlanks()
        let start = scanner.offset
        var text = TextBuilder()
        if scanner.current == UInt8(ascii: "\"") {
            try self.quotedPiece(&scanner, into: &text)
        } else {
            while let byte = scanner.current, !byte.isBlank, byte.isPatternByte {
                if byte == UInt8(ascii: "\\"), scanner.next != .newline { scanner.step() }
                if let byte = scanner.current { text.append(byte, from: scanner.offset) }
                scanner.step()
            }
        }
        let pattern = text.text(scanner.span(from: start), isSecret: false)
        guard !pattern.isEmpty, pattern.bytes.count <= GrammarLimits.valueBytes,
            !pattern.bytes.contains(where: { $0.isForbiddenControl || $0 == .newline })
        else {
            throw self.fault(scanner.here, "expected the name of a file to include", in: section)
        }
        return pattern
    }
}

extension Scanner {
    /// True if after the word `include` comes a file's name, and not what would make it a key or a section.
    var isIncludePattern: Bool {
        guard let byte = self.current, byte.isBlank else { return false }
        var rest = self
        rest.skipBlanks()
        return rest.current != UInt8(ascii: "=") && rest.current != UInt8(ascii: "{")
    }
}

extension UInt8 {
    /// What a file name of `include` may hold without quotes or backslash.
    var isPatternByte: Bool { !self.endsValue && self != UInt8(ascii: "{") && self != UInt8(ascii: "\"") }

    /// The shell's wildcards.
    var isWildcard: Bool {
        self == UInt8(ascii: "*") || self == UInt8(ascii: "?") || self == UInt8(ascii: "[")
    }
}
