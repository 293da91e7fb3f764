extension GrammarParser {
    /// Reads the value up to the end of its line, a `#` or a `}`.
    func value(
        _ scanner: inout Scanner, isSecret: Bool
    ) throws(SyntaxFault) -> LocatedText {
        var text = TextBuilder()
        scanner.skipBlanks()
        let start = scanner.offset
        var end = start
        while let byte = scanner.current, !byte.endsValue {
            if end > start { text.append(0x20, from: end) }
            if byte == UInt8(ascii: "\"") {
                try self.quotedPiece(&scanner, into: &text)
            } else {
                try self.plainPiece(&scanner, into: &text)
            }
            end = scanner.offset
            scanner.skipBlanks()
            guard text.bytes.count <= GrammarLimits.valueBytes else {
                let span = SourceSpan(file: scanner.file, start: start, end: end)
                throw self.fault(span, "a value of more than \(GrammarLimits.valueBytes) bytes")
            }
        }
        return text.text(SourceSpan(file: scanner.file, start: start, end: end), isSecret: isSecret)
    }

    private func plainPiece(
        _ scanner: inout Scanner, into text: inout TextBuilder
    ) throws(SyntaxFault) {
        while let byte = scanner.current, !byte.isBlank, !byte.endsValue, byte != UInt8(ascii: "\"") {
            guard !byte.isForbiddenControl else {
                throw self.controlCharacter(scanner.here)
            }
            text.append(byte, from: scanner.offset)
            scanner.step()
        }
    }

    func quotedPiece(
        _ scanner: inout Scanner, into text: inout TextBuilder
    ) throws(SyntaxFault) {
        let quote = scanner.here
        scanner.step()
        while let byte = scanner.current, byte != UInt8(ascii: "\"") {
            let origin = scanner.offset
            scanner.step()
            guard byte == UInt8(ascii: "\\") else {
                guard !byte.isForbiddenControl else {
                    throw self.controlCharacter(
                        SourceSpan(file: scanner.file, start: origin, end: origin + 1))
                }
                text.append(byte, from: origin)
                continue
            }
            try self.escape(&scanner, from: origin, into: &text)
        }
        guard scanner.current != nil else { throw self.fault(quote, "this quote is never closed") }
        scanner.step()
    }

    /// What stands behind a backslash in quotes: n, r, t, the end of a line, or any character as it is.
    private func escape(
        _ scanner: inout Scanner, from origin: Int, into text: inout TextBuilder
    ) throws(SyntaxFault) {
        if scanner.current == .carriageReturn, scanner.next == .newline { scanner.step() }
        guard let byte = scanner.current else { return }
        guard !byte.isForbiddenControl else { throw self.controlCharacter(scanner.here) }
        scanner.step()
        switch byte {
        case .newline: break
        case UInt8(ascii: "n"): text.append(.newline, from: origin)
        case UInt8(ascii: "r"): text.append(.carriageReturn, from: origin)
        case UInt8(ascii: "t"): text.append(0x09, from: origin)
        default: text.append(byte, from: origin)
        }
    }

    private func controlCharacter(_ span: SourceSpan) -> SyntaxFault {
        self.fault(span, "a control character, which no value may hold")
    }
}

extension UInt8 {
    /// End of line, comment, or end of the section.
    var endsValue: Bool { self == .newline || self == UInt8(ascii: "#") || self == UInt8(ascii: "}") }
}
