import SimNet
import Testing

/// Adds seeds and the path of a capture to each issue of a test that uses `SimNet`.
struct NetworkCapture: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func scopeProvider(for test: Test, testCase: Test.Case?) -> NetworkCapture? {
        // Once for each case, not again for the suites around it.
        testCase == nil ? nil : self
    }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let recorder = FlightRecorder()
        let annotate = IssueHandlingTrait.compactMapIssues { issue in
            guard let report = recorder.report() else { return issue }
            var issue = issue
            issue.comments.append(Comment(rawValue: report))
            return issue
        }
        try await FlightRecorder.$current.withValue(recorder) {
            try await annotate.provideScope(for: test, testCase: testCase, performing: function)
        }
    }
}

extension Trait where Self == NetworkCapture {
    /// Prints seeds and writes a capture when a test fails.
    static var networkCapture: NetworkCapture { NetworkCapture() }
}
