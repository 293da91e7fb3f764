internal import IPsecModel

/// What all readers need: where to look sections up, and where to say what is wrong.
struct ReadingContext {
    let inheritance: Inheritance
    let report: Report
}

/// One section while its keys are read.
///
/// Making one checks every key and section in it against the schema; whatever a reader then asks for has been
/// spelt rightly.
struct SectionReader {
    let view: SectionView
    /// Whose settings these are in messages, such as `connection 'hq'`; nil at the top of the file.
    let owner: String?
    /// Where findings about the section as a whole are shown.
    let place: SourceSpan
    let context: ReadingContext
    private let values: [String: LocatedText]

    init(_ view: SectionView, _ schema: Schema, owner: String?, _ context: ReadingContext) {
        self.view = view
        self.owner = owner
        self.context = context
        self.place =
            context.inheritance.name(of: view)?.span ?? SourceSpan(file: 0, start: 0, end: 0)
        let settings = context.inheritance.settings(in: view)
        self.values = Dictionary(
            settings.map { ($0.key.string, $0.value) }, uniquingKeysWith: { first, _ in first })
        for setting in settings { self.check(setting, schema) }
    }

    private var report: Report { self.context.report }

    /// The value of a key, or nil if it is not there or cleared.
    func value(_ key: String) -> LocatedText? { self.values[key] }

    /// The keys that begin with `prefix` and are there, in the order of their names.
    func keys(beginningWith prefix: String) -> [String] {
        self.values.keys.filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// The value of a key as `parse` takes it; nil if it is not there, or not what `parse` takes, which is
    /// reported.
    func read<Value>(
        _ key: String, _ parse: (LocatedText) throws(ValueFault) -> Value
    ) -> Value? {
        guard let value = self.values[key] else { return nil }
        return self.read(value, parse)
    }

    /// The items of a list as `parse` takes them, without those that are not; nil if the key is not there.
    func list<Value>(
        _ key: String, _ parse: (LocatedText) throws(ValueFault) -> Value
    ) -> [Value]? {
        guard let value = self.values[key] else { return nil }
        return value.items.compactMap { self.read($0, parse) }
    }

    /// A time from `low` to `high`.
    func time(_ key: String, in range: ClosedRange<Duration> = .zero...Scalar.longestTime) -> Duration? {
        self.read(key) { value throws(ValueFault) in
            let time = try Scalar.time(value)
            guard range.contains(time) else {
                throw ValueFault(
                    value,
                    "\(value.quoted) is out of range: \(range.lowerBound.configured) to "
                        + range.upperBound.configured)
            }
            return time
        }
    }

    /// A whole number within `range`.
    func number(_ key: String, in range: ClosedRange<Int>) -> Int? {
        self.read(key) { value throws(ValueFault) in
            Int(clamping: try Scalar.number(value, in: UInt64(range.lowerBound)...UInt64(range.upperBound)))
        }
    }

    /// Notes an error of this section.
    func error(_ span: SourceSpan, _ text: String) { self.report.error(span, text, in: self.owner) }

    /// Notes a warning of this section.
    func warning(_ span: SourceSpan, _ text: String) { self.report.warning(span, text, in: self.owner) }

    private func read<Value>(
        _ value: LocatedText, _ parse: (LocatedText) throws(ValueFault) -> Value
    ) -> Value? {
        do {
            return try parse(value)
        } catch {
            self.report.error(error.span, error.text, in: self.owner)
            return nil
        }
    }
}

/// Keys against the schema.
extension SectionReader {
    private func check(_ setting: Setting, _ schema: Schema) {
        let name = setting.key.string
        guard let rule = schema.key(name) else { return self.unknown(setting.key, schema) }
        guard case .unlessHarmless(let harmless, let severity, let text) = rule.treatment else { return }
        if let isHarmless = self.isHarmless(setting.value, harmless), !isHarmless {
            self.report.note(severity, setting.key.span, "'\(name)' \(text)", self.owner)
        }
    }

    /// True if `value` is one of `harmless`; nil if it is none that the key can take, which is reported.
    private func isHarmless(_ value: LocatedText, _ harmless: KeyRule.Harmless) -> Bool? {
        switch harmless {
        case .none: return false
        case .no: return self.read(value, Scalar.boolean).map { !$0 }
        case .yes: return self.read(value, Scalar.boolean)
        case .words(let words): return words.contains(value.string.lowercased())
        case .zero:
            let digits = value.string.split(separator: "/").map { $0.hasPrefix("0x") ? $0.dropFirst(2) : $0 }
            let trimmed = digits.map { $0.hasSuffix("s") ? $0.dropLast() : $0 }
            return trimmed.allSatisfy { number in number.utf8.allSatisfy { $0 == UInt8(ascii: "0") } }
        }
    }

    private func unknown(_ key: LocatedText, _ schema: Schema) {
        let name = key.string
        if schema.section(name)?.name == name {
            return self.error(key.span, "'\(name)' is a section; write '\(name) { … }'")
        }
        let hint = nearest(name, among: schema.keys.map(\.name)).map { " (did you mean '\($0)'?)" } ?? ""
        let place = self.owner ?? "the top of the file"
        let preposition = self.owner == nil ? "at" : "in"
        let shown = key.isSecret ? "" : " \(key.quoted)"
        self.report.error(
            key.span, "unknown key\(shown) \(preposition) \(place)\(hint)", once: "unknown key")
    }
}

/// Sections within the section.
extension SectionReader {
    /// A section that has its own reader.
    struct Inner {
        let name: String
        let view: SectionView
        /// Where its name stands.
        let place: SourceSpan
    }

    /// All sections within, whatever they are called.
    var allSections: [Inner] {
        self.context.inheritance.sectionNames(in: self.view).compactMap(self.inner)
    }

    /// The sections within that `schema` gives a reader, by the name of their rule. Those that are not
    /// implemented or unknown are reported, unless `isTemplate` says that others inherit from them.
    func sections(
        _ schema: Schema, isTemplate: (String) -> Bool = { _ in false }
    ) -> [(rule: String, inner: Inner)] {
        self.allSections.compactMap { inner in
            let isKey = schema.key(inner.name)?.name == inner.name
            guard !isKey, let rule = schema.section(inner.name) else {
                if !isTemplate(inner.name) { self.unknown(inner, schema) }
                return nil
            }
            guard case .unsupported(let severity, let text) = rule.treatment else {
                return (rule.name, inner)
            }
            self.report.note(severity, inner.place, "section '\(inner.name)' \(text)", self.owner)
            return nil
        }
    }

    private func inner(_ name: String) -> Inner? {
        guard let view = self.context.inheritance.section(name, in: self.view) else { return nil }
        let place = self.context.inheritance.name(of: view)?.span
        return Inner(name: name, view: view, place: place ?? self.place)
    }

    private func unknown(_ inner: Inner, _ schema: Schema) {
        guard schema.key(inner.name)?.name != inner.name else {
            return self.error(inner.place, "'\(inner.name)' is a key; write '\(inner.name) = …'")
        }
        let near = nearest(inner.name, among: schema.sections.map(\.name))
        guard let owner = self.owner else {
            guard let near else {
                return self.warning(
                    inner.place, "section '\(inner.name)' has no effect: nothing inherits from it")
            }
            return self.error(inner.place, "unknown section '\(inner.name)' (did you mean '\(near)'?)")
        }
        let hint = near.map { " (did you mean '\($0)'?)" } ?? ""
        self.report.error(
            inner.place, "unknown section '\(inner.name)' in \(owner)\(hint)", once: "unknown section")
    }
}
