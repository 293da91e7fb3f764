/// A file that an `include` statement names.
package struct IncludedFile: Hashable, Sendable {
    /// The name for diagnostics, and for nested `include` statements to be relative to.
    package let name: String
    /// The file's text.
    package let text: String

    /// The file `name` with this text.
    package init(name: String, text: String) {
        self.name = name
        self.text = text
    }
}

/// Why the files that an `include` statement names could not be had.
package struct IncludeFault: Error, Hashable, Sendable {
    /// The reason in a few words, such as `permission denied`.
    package let reason: String

    /// A fault for this reason.
    package init(reason: String) {
        self.reason = reason
    }
}

/// Finds the files that `include pattern` means in the file called `includingFile`.
///
/// The pattern is as written, quotes undone: a path with shell wildcards, relative to the directory of
/// `includingFile` unless it begins with a slash. The answer is in the shell's order. A pattern with wildcards
/// that matches nothing is an empty list and no fault.
package typealias IncludeLoader =
    (_ pattern: String, _ includingFile: String) -> Result<[IncludedFile], IncludeFault>
