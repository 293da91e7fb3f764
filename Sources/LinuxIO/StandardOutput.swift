/// The process's standard output.
package enum StandardOutput {
    /// Writes `line` with a newline at once, so that who reads a pipe sees it now.
    package static func write(line: String) {
        StandardError.write(line + "\n", to: 1)
    }
}
