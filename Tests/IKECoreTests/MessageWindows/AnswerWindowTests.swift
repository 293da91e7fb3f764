import IPsecModel
import Testing

@testable import IKECore

/// The peer's request window, one test for each arrow (RFC 7296 §2.1–§2.3).
struct AnswerWindowTests {
    @Test func `expecting becomes working by the expected request`() {
        var window = AnswerWindow(expecting: 1)
        #expect(window.mayMatter(1))
        let verdict = window.receive(1)
        #expect(verdict == .process)
        #expect(window.workingOn == 1)
    }

    @Test(arguments: [0, 2, 3, UInt32.max])
    func `expecting drops every other request`(messageID: UInt32) {
        var window = AnswerWindow(expecting: 1)
        #expect(!window.mayMatter(messageID))
        let verdict = window.receive(messageID)
        #expect(verdict == .drop)
        #expect(window.workingOn == nil)
    }

    @Test(arguments: [0, 1, 2])
    func `working drops everything, its own request among it`(messageID: UInt32) {
        var window = AnswerWindow(expecting: 1)
        _ = window.receive(1)
        #expect(!window.mayMatter(messageID))
        let verdict = window.receive(messageID)
        #expect(verdict == .drop)
        #expect(window.workingOn == 1)
    }

    @Test func `working becomes expecting the next by the answer, which is kept`() {
        var window = AnswerWindow(expecting: 1)
        _ = window.receive(1)
        window.answered(with: [[7, 8]])
        #expect(window.workingOn == nil)
        #expect(window.hasAnswered(1))
        let again = window.receive(1)
        #expect(again == .repeatAnswer([[7, 8]]))
        #expect(window.mayMatter(1))
        let next = window.receive(2)
        #expect(next == .process)
    }

    @Test func `only the last answer is kept, and it is kept while the next request is worked on`() {
        var window = AnswerWindow(expecting: 0)
        _ = window.receive(0)
        window.answered(with: [[0]])
        _ = window.receive(1)
        let first = window.receive(0)
        #expect(first == .repeatAnswer([[0]]))
        window.answered(with: [[1]])
        let late = window.receive(0)
        #expect(late == .drop)
        #expect(!window.hasAnswered(0))
    }

    @Test func `an answer without a request changes nothing`() {
        var window = AnswerWindow(expecting: 5)
        window.answered(with: [[1]])
        #expect(!window.hasAnswered(5))
        let verdict = window.receive(5)
        #expect(verdict == .process)
    }

    @Test func `after the last message ID nothing is processed any more`() {
        var window = AnswerWindow(expecting: .max)
        let last = window.receive(.max)
        #expect(last == .process)
        window.answered(with: [[9]])
        let again = window.receive(.max)
        #expect(again == .repeatAnswer([[9]]))
        let wrapped = window.receive(0)
        #expect(wrapped == .drop)
    }
}
