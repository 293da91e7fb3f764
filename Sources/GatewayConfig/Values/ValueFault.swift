/// Why a value is not what its key takes.
struct ValueFault: Error {
    /// The part of the value that is meant.
    let span: SourceSpan
    /// The sentence.
    let text: String

    init(_ part: LocatedText, _ text: String) {
        self.span = part.span
        self.text = text
    }
}
