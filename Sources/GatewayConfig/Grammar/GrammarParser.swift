/// Reads the grammar of strongswan.conf(5) into a `SettingsTree`.
///
///     settings   := (section | keyvalue | "include" pattern)*
///     section    := name [":" absname ("," absname)*] "{" settings "}"
///     keyvalue   := name "=" value, to the end of the line, a "#" or a "}"
///
/// What the manual page leaves open follows what swanctl 5.9.8 does with it: newlines may stand before `{`,
/// `=` and `:`; pieces of a value, quoted or not, are joined by one space; quoted pieces may span lines, and a
/// backslash at the end of a quoted line joins it to the next.
///
/// The first fault ends the reading: after it braces no longer tell where anything belongs.
struct GrammarParser {
    let report: Report
    let loader: IncludeLoader
    private(set) var tree = SettingsTree()
    private var bytesRead = 0
    /// The names of the files that are open, the outermost first.
    private(set) var openFiles: [String] = []

    init(report: Report, loader: @escaping IncludeLoader) {
        self.report = report
        self.loader = loader
    }

    /// A section that the file at hand has opened and not yet closed.
    struct OpenSection {
        let node: Int
        let name: LocatedText
        /// True if no text within may be shown: the section or one around it has to do with secrets.
        let isSecret: Bool
    }

    /// Reads a file into the section `node`. Recursion goes as deep as `include` may.
    mutating func read(
        _ file: IncludedFile, into node: Int, isSecret: Bool = false
    ) throws(SyntaxFault) {
        let source = SourceFile(name: file.name, text: file.text)
        let index = self.report.add(source)
        var scanner = Scanner(file: index, bytes: source.bytes)
        self.bytesRead += source.bytes.count
        guard self.bytesRead <= GrammarLimits.bytes else {
            throw self.fault(
                scanner.here, "the configuration is longer than \(GrammarLimits.bytes >> 20) MiB")
        }
        self.openFiles.append(file.name)
        let base = OpenSection(node: node, name: scanner.name(at: 0), isSecret: isSecret)
        try self.statements(&scanner, base: base)
        self.openFiles.removeLast()
    }

    private mutating func statements(_ scanner: inout Scanner, base: OpenSection) throws(SyntaxFault) {
        var open = [base]
        while let section = open.last {
            scanner.skipSpace()
            guard let byte = scanner.current else {
                guard open.count > 1 else { return }
                throw self.fault(section.name.span, "section '\(section.name.string)' is never closed by '}'")
            }
            if byte == UInt8(ascii: "}") {
                guard open.count > 1 else {
                    throw self.fault(scanner.here, "this '}' closes no section", in: section)
                }
                scanner.step()
                open.removeLast()
                continue
            }
            if let inner = try self.statement(&scanner, in: section) {
                guard open.count <= GrammarLimits.sectionDepth else {
                    throw self.fault(
                        inner.name.span, "sections within sections: \(GrammarLimits.sectionDepth) at most")
                }
                open.append(inner)
            }
        }
    }

    /// Reads one statement; the result is the section that it opens, if it does.
    private mutating func statement(
        _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) -> OpenSection? {
        let start = scanner.offset
        let name = scanner.name()
        guard !name.isEmpty else { throw self.unexpected(scanner, in: section) }
        guard name.bytes.count <= GrammarLimits.nameBytes else {
            throw self.fault(
                name.span, "a name of more than \(GrammarLimits.nameBytes) bytes", in: section)
        }
        if name.string == "include", scanner.isIncludePattern {
            try self.include(&scanner, in: section)
            return nil
        }
        scanner.skipSpace()
        switch scanner.current {
        case UInt8(ascii: "="):
            scanner.step()
            try self.setting(name, &scanner, in: section)
            return nil
        case UInt8(ascii: "{"), UInt8(ascii: ":"):
            return try self.openSection(name, &scanner, in: section)
        case UInt8(ascii: "+") where scanner.next == UInt8(ascii: "="):
            throw self.fault(
                scanner.here, "'+=' does not exist here; a later '=' replaces an earlier one", in: section)
        default:
            let text = section.isSecret || isSecretName(name.string) ? "this" : name.quoted
            throw self.fault(
                SourceSpan(file: scanner.file, start: start, end: name.span.end),
                "expected '=', ':' or '{' after \(text)", in: section)
        }
    }

    private mutating func openSection(
        _ name: LocatedText, _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) -> OpenSection {
        let node = self.tree.open(name, in: section.node)
        if scanner.current == UInt8(ascii: ":") {
            repeat {
                scanner.step()
                self.tree.inherit(try self.reference(&scanner, in: section), in: node)
            } while scanner.current == UInt8(ascii: ",")
        }
        guard scanner.current == UInt8(ascii: "{") else {
            throw self.fault(scanner.here, "expected '{' or ','", in: section)
        }
        scanner.step()
        let isSecret = section.isSecret || isSecretName(name.string)
        return OpenSection(node: node, name: name, isSecret: isSecret)
    }

    /// Reads `name.name.name` and the space behind it.
    private func reference(
        _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) -> SectionReference {
        scanner.skipSpace()
        let start = scanner.offset
        var path: [String] = []
        while true {
            let name = scanner.name()
            guard !name.isEmpty, path.count < GrammarLimits.sectionDepth else {
                throw self.fault(
                    scanner.here, "expected the name of a section to inherit from", in: section)
            }
            path.append(name.string)
            guard scanner.current == UInt8(ascii: ".") else { break }
            scanner.step()
        }
        let span = scanner.span(from: start)
        scanner.skipSpace()
        return SectionReference(path: path, span: span)
    }

    private mutating func setting(
        _ key: LocatedText, _ scanner: inout Scanner, in section: OpenSection
    ) throws(SyntaxFault) {
        // A key that has slipped into the next line, such as Base64 with its '=', looks like the name of a key.
        let isKeySecret = section.isSecret && !isKeyOfSecrets(key.string)
        let key = isKeySecret ? key.hidden : key
        let start = isKeySecret ? key.span.start : scanner.offset
        let isSecret = section.isSecret || isSecretName(key.string)
        let value: LocatedText
        do {
            value = try self.value(&scanner, isSecret: isSecret)
        } catch {
            self.hide(start..<scanner.bytes.count, scanner, isSecret: isSecret)
            throw error
        }
        // What follows a '#' may be the rest of a secret, so that the whole line is hidden.
        var rest = scanner
        rest.skipLine()
        self.hide(start..<rest.offset, scanner, isSecret: isSecret)
        if isSecret { self.warnOfComment(value, scanner) }
        if let previous = self.tree.set(Setting(key: key, value: value), in: section.node),
            previous.key.span.file == key.span.file
        {
            let line = self.report.files[key.span.file].position(of: previous.key.span.start).line
            self.report.warning(
                key.span,
                "\(key.isSecret ? "this" : key.quoted) replaces the value of line \(line), which has no effect"
            )
        }
    }

    /// Keeps a secret's text out of the report. A value that goes on in further lines is hidden there, whatever
    /// its key: a quote too many makes a value of one key swallow that of another.
    private func hide(_ range: Range<Int>, _ scanner: Scanner, isSecret: Bool) {
        let lineEnd = scanner.bytes[range].firstIndex(of: .newline) ?? range.upperBound
        self.report.mask(isSecret ? range : lineEnd..<range.upperBound, ofFile: scanner.file)
    }

    /// A password with a `#` in it would be cut short without a word.
    private func warnOfComment(_ value: LocatedText, _ scanner: Scanner) {
        guard scanner.current == UInt8(ascii: "#"), scanner.offset > 0, value.span.end == scanner.offset,
            !scanner.bytes[scanner.offset - 1].isBlank
        else { return }
        self.report.warning(
            scanner.here, "a comment begins here; put the value in quotes if '#' belongs to it")
    }
}

extension GrammarParser {
    func unexpected(_ scanner: Scanner, in section: OpenSection) -> SyntaxFault {
        switch scanner.current {
        case UInt8(ascii: "\""):
            return self.fault(scanner.here, "keys and names of sections have no quotes", in: section)
        case UInt8(ascii: "."):
            return self.fault(scanner.here, "names have no '.'", in: section)
        case .some(let byte) where byte.isForbiddenControl:
            return self.fault(scanner.here, "a control character", in: section)
        default:
            return self.fault(scanner.here, "expected a key or a section's name", in: section)
        }
    }

    func fault(_ span: SourceSpan, _ text: String) -> SyntaxFault {
        self.report.error(span, text)
        return SyntaxFault()
    }

    /// A fault among secrets hides the text around it: it may be a secret in the wrong place.
    func fault(
        _ span: SourceSpan, _ text: String, in section: OpenSection
    ) -> SyntaxFault {
        let line = self.report.files[span.file].line(around: span.start)
        if section.isSecret { self.report.mask(line, ofFile: span.file) }
        return self.fault(span, text)
    }
}

/// True if a key or section of this name holds what must not be shown.
///
/// Misspelt and misplaced ones as well: better to hide a harmless value than to show a key.
func isSecretName(_ name: String) -> Bool {
    let bytes = name.lowercased().utf8
    return ["secre", "sercet", "secert", "psk", "passw", "passph", "pin"].contains { word in
        bytes.indices.contains { bytes[$0...].starts(with: word.utf8) }
    }
}

/// True if `name` is a key of secrets, rightly spelt or nearly so, and not a secret itself.
func isKeyOfSecrets(_ name: String) -> Bool {
    let names = ["secret", "id", "file", "handle", "slot", "module", "pin"]
    return names.contains(name) || name.hasPrefix("id") || nearest(name, among: names) != nil
}

extension Scanner {
    /// An empty name at `offset`.
    func name(at offset: Int) -> LocatedText {
        LocatedText(bytes: [], origins: [], span: SourceSpan(file: self.file, start: offset, end: offset))
    }
}
