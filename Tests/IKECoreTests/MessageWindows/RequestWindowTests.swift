import IPsecModel
import Testing

@testable import IKECore

/// Our request window, one test for each arrow (RFC 7296 §2.1–§2.4).
struct RequestWindowTests {
    private static let start = Instant(nanoseconds: 0)
    private static let schedule: [Duration] = [.seconds(1), .seconds(2), .seconds(4)]

    private func at(_ seconds: Int64) -> Instant { Self.start.advanced(by: .seconds(seconds)) }

    /// A window that waits for the answer to "a", sent at 0.
    private func waiting(haste: Double = 0) throws -> RequestWindow<String> {
        var window = RequestWindow<String>(first: 3, schedule: Self.schedule)
        let isTaken = window.enqueue("a")
        #expect(isTaken)
        let next = window.takeNext()
        let (request, messageID) = try #require(next)
        #expect(request == "a")
        #expect(messageID == 3)
        window.sent(request, messageID: messageID, datagrams: [[1]], haste: haste, now: Self.start)
        return window
    }

    @Test func `idle becomes waiting by a request that is sent`() throws {
        let window = try self.waiting()
        #expect(!window.isIdle)
        #expect(window.outstanding?.messageID == 3)
        #expect(window.outstanding?.transmissions == 1)
        #expect(window.deadline == self.at(1))
        #expect(window.unanswered == ["a"])
    }

    @Test func `waiting becomes idle by the answer, and the next request has the next message ID`() throws {
        var window = try self.waiting()
        let answered = window.receive(answerTo: 3)
        #expect(answered == "a")
        #expect(window.isIdle)
        #expect(window.deadline == nil)
        _ = window.enqueue("b")
        let next = window.takeNext()
        #expect(next?.messageID == 4)
    }

    @Test(arguments: [0, 2, 4, UInt32.max])
    func `an answer to something else changes nothing`(messageID: UInt32) throws {
        var window = try self.waiting()
        let answered = window.receive(answerTo: messageID)
        #expect(answered == nil)
        #expect(window.outstanding?.messageID == 3)
    }

    @Test func `waiting by another way is waiting anew, for the same answer`() throws {
        var window = try self.waiting()
        _ = window.deadlineReached(now: self.at(1)) { 0 }
        #expect(window.outstanding?.transmissions == 2)
        let datagrams = window.restart(haste: 0, now: self.at(2))
        #expect(datagrams == [[1]])
        #expect(window.outstanding?.transmissions == 1)
        #expect(window.deadline == self.at(3))
        let answered = window.receive(answerTo: 3)
        #expect(answered == "a")
    }

    @Test func `idle has nothing to send by another way`() {
        var window = RequestWindow<String>(first: 3, schedule: Self.schedule)
        let datagrams = window.restart(haste: 0, now: self.at(2))
        #expect(datagrams == nil)
    }

    @Test func `what is put before the line comes next`() throws {
        var window = try self.waiting()
        _ = window.enqueue("b")
        window.enqueueFirst("c")
        #expect(window.queued == ["c", "b"])
        _ = window.receive(answerTo: 3)
        let next = window.takeNext()
        #expect(next?.request == "c")
    }

    @Test func `an answer counts once`() throws {
        var window = try self.waiting()
        _ = window.receive(answerTo: 3)
        let again = window.receive(answerTo: 3)
        #expect(again == nil)
    }

    @Test func `one request is outstanding at a time, the others wait in line`() throws {
        var window = try self.waiting()
        _ = window.enqueue("b")
        _ = window.enqueue("c")
        let early = window.takeNext()
        #expect(early == nil)
        #expect(window.unanswered == ["a", "b", "c"])
        _ = window.receive(answerTo: 3)
        let next = window.takeNext()
        #expect(next?.request == "b")
    }

    @Test func `waiting is repeated on schedule and then given up`() throws {
        var window = try self.waiting()
        let early = window.deadlineReached(now: Self.start) { 0 }
        guard case .none = early else {
            Issue.record("too early")
            return
        }
        for (due, next) in [(1, 3), (3, 7)] as [(Int64, Int64)] {
            let action = window.deadlineReached(now: self.at(due)) { 0 }
            guard case .retransmit(let datagrams) = action else {
                Issue.record("no retransmission at \(due) s")
                return
            }
            #expect(datagrams == [[1]])
            #expect(window.deadline == self.at(next))
        }
        let last = window.deadlineReached(now: self.at(7)) { 0 }
        guard case .giveUp(let request) = last else {
            Issue.record("not given up")
            return
        }
        #expect(request == "a")
        #expect(window.outstanding == nil)
    }

    @Test func `chance takes a part off each wait`() throws {
        var window = try self.waiting(haste: 0.5)
        #expect(window.deadline == Self.start.advanced(by: .milliseconds(500)))
        var asked = 0
        let early = window.deadlineReached(now: Self.start) {
            asked += 1
            return 0
        }
        guard case .none = early else {
            Issue.record("too early")
            return
        }
        #expect(asked == 0)
        _ = window.deadlineReached(now: self.at(1)) { 0.25 }
        #expect(window.deadline == Self.start.advanced(by: .milliseconds(2_500)))
    }

    @Test func `a late deadline makes up for nothing`() throws {
        var window = try self.waiting()
        _ = window.deadlineReached(now: self.at(100)) { 0 }
        #expect(window.deadline == self.at(102))
        #expect(window.outstanding?.transmissions == 2)
    }

    @Test func `the line has an end`() throws {
        var window = try self.waiting()
        for index in 0..<RequestWindow<String>.queueLimit {
            let isTaken = window.enqueue("\(index)")
            #expect(isTaken)
        }
        let isTaken = window.enqueue("one too many")
        #expect(!isTaken)
        window.clearQueue()
        #expect(window.unanswered == ["a"])
    }

    @Test func `the last message ID is never used`() {
        var window = RequestWindow<String>(first: .max, schedule: Self.schedule)
        _ = window.enqueue("a")
        let next = window.takeNext()
        #expect(next == nil)
    }
}
