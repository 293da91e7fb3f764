/// How much text a configuration may be. All far above what a gateway with thousands of peers needs.
enum GrammarLimits {
    /// Bytes of all files together.
    static let bytes = 8 << 20
    /// Files, the first one included.
    static let files = 1_000
    /// Files that include one another, the first one included.
    static let includeDepth = 10
    /// Sections within sections.
    static let sectionDepth = 16
    /// Bytes of one value.
    static let valueBytes = 16_384
    /// Bytes of a key or of a section's name.
    static let nameBytes = 255
    /// Sections that inherit from one another.
    static let referenceDepth = 32
    /// Sections from which one section inherits, directly or not.
    static let inheritedSections = 256
    /// Settings and sections read in all, counted anew for every section that inherits them.
    static let partsRead = 1_000_000
}
