/// The keys and sections that may stand in one kind of section.
///
/// Every key of swanctl.conf(5) is in one of these tables, those included that Culvert does not implement: what
/// is in none of them is a mistake of the file's.
struct Schema {
    /// What a section of this kind is called in messages, such as `connection`.
    let kind: String
    let keys: [KeyRule]
    let sections: [SectionRule]

    /// The rule for a key, exact names before those that take a suffix.
    func key(_ name: String) -> KeyRule? {
        self.keys.first { $0.name == name } ?? self.keys.first { $0.takesSuffix && name.hasPrefix($0.name) }
    }

    /// The rule for a section, exact names before those that take a suffix.
    func section(_ name: String) -> SectionRule? {
        self.sections.first { $0.name == name }
            ?? self.sections.first { $0.takesSuffix && name.hasPrefix($0.name) }
    }
}

/// What becomes of a key.
struct KeyRule {
    /// The values of a key that is not implemented which mean what Culvert does anyway.
    enum Harmless {
        /// None: the key says more than we can do whatever its value is.
        case none
        /// `no` in its spellings.
        case no
        /// `yes` in its spellings.
        case yes
        /// 0, as a number, a time or a mark with its mask.
        case zero
        /// One of these words.
        case words([String])
    }

    enum Treatment {
        /// The reader of its section takes the value.
        case read
        /// Known and not implemented: any value that is not harmless is reported as `'key' text`.
        case unlessHarmless(Harmless, Severity, String)
    }

    let name: String
    let treatment: Treatment
    /// True for keys such as `id<suffix>`.
    let takesSuffix: Bool

    /// A key that the reader of its section takes.
    static func read(_ name: String, takesSuffix: Bool = false) -> KeyRule {
        KeyRule(name: name, treatment: .read, takesSuffix: takesSuffix)
    }

    /// A key whose other values would be ignored against the operator's intention.
    static func refuse(_ name: String, except harmless: Harmless, _ text: String) -> KeyRule {
        KeyRule(name: name, treatment: .unlessHarmless(harmless, .error, text), takesSuffix: false)
    }

    /// A key whose other values make a difference that an operator can live with.
    static func warn(_ name: String, except harmless: Harmless, _ text: String) -> KeyRule {
        KeyRule(name: name, treatment: .unlessHarmless(harmless, .warning, text), takesSuffix: false)
    }
}

/// What becomes of a section.
struct SectionRule {
    enum Treatment {
        /// A reader goes into it.
        case read
        /// Known and not implemented: reported as `section 'name' text`.
        case unsupported(Severity, String)
    }

    let name: String
    let treatment: Treatment
    let takesSuffix: Bool

    init(_ name: String, takesSuffix: Bool = false, _ treatment: Treatment = .read) {
        self.name = name
        self.treatment = treatment
        self.takesSuffix = takesSuffix
    }
}
