/// Why the daemon does not start: one sentence for an operator, which says what to do.
package struct StartupError: Error, CustomStringConvertible {
    /// The sentence, without a full stop.
    package let description: String

    /// An error with this sentence.
    package init(_ sentence: String) {
        self.description = sentence
    }
}
