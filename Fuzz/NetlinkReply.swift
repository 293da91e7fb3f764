// modules: XFRM Netlink LinuxIO IPsecModel CLinux CSecureMemory
// libraries: mnl
//
// The decoder of what the kernel sends over netlink: answers, lists and events. The same file is compiled into
// XFRMTests, which replay Fuzz/Corpus/NetlinkReply and Fuzz/Regressions/NetlinkReply.

import IPsecModel
import Netlink
@testable import XFRM

/// Runs `datagram` through each decoder. Returns which law they break, or nil.
func netlinkReplyViolation(_ datagram: [UInt8]) -> String? {
    guard let messages = try? NetlinkMessage.parse(datagram[...]) else { return nil }
    if messages.count > datagram.count / NetlinkMessage.headerLength { return "more messages than fit" }
    let total = messages.reduce(0) { $0 + NetlinkMessage.headerLength + $1.payload.count }
    if total > datagram.count { return "messages overlap" }
    for message in messages {
        if let violation = messageViolation(message) { return violation }
    }
    if let events = try? XFRMEventSocket.events(in: datagram[...], ownPortID: 1),
        events.count > messages.count
    {
        return "more events than messages"
    }
    return answerViolation(datagram, messages)
}

/// An answer ends at its first verdict, and content comes from messages with our number only.
private func answerViolation(_ datagram: [UInt8], _ messages: [NetlinkMessage]) -> String? {
    guard let first = messages.first else { return nil }
    let question = NetlinkQuestion(sequence: first.sequence, portID: first.portID)
    var contents = 0
    let progress = try? question.progress(in: datagram[...]) { message throws(MalformedMessage) in
        contents += message.sequence == first.sequence ? 1 : messages.count + 1
    }
    if contents > messages.count { return "content of another answer" }
    if case .refused(let verdict) = progress, verdict.errno == 0 { return "refused with success" }
    return nil
}

private func messageViolation(_ message: NetlinkMessage) -> String? {
    if let verdict = try? NetlinkVerdict(message) {
        if verdict.errno < 0 { return "a negative errno" }
        if verdict.text.utf8.count > 200 { return "a long text" }
        if !verdict.text.utf8.allSatisfy({ (0x20..<0x7f).contains($0) }) {
            return "a text with control codes"
        }
    }
    for state in [try? StateSnapshot(message.payload), try? StateSnapshot(deletion: message.payload)] {
        guard let state else { continue }
        if let violation = replayViolation(state.replay) { return violation }
        if state.withHeadroom.replay.outbound < min(state.replay.outbound, UInt64(UInt32.max)) {
            return "headroom goes back"
        }
    }
    guard let policy = try? KernelPolicy(message.payload) else { return nil }
    let again = policy.request(.newPolicy).bytes.dropFirst(NetlinkMessage.headerLength)
    guard let second = try? KernelPolicy(again), second == policy else {
        return "decode(encode(policy)) is not the policy"
    }
    return nil
}

/// decode(encode(state)) == state, if the bitmap has the window's size.
private func replayViolation(_ replay: ReplayState) -> String? {
    guard replay.isLong, replay.window <= 4_096, replay.bitmap.count == Int((replay.window + 31) / 32) else {
        return nil
    }
    let request = NetlinkRequest(.newSA)
    replay.appendLong(to: request)
    let again = try? ReplayState(long: request.bytes.dropFirst(NetlinkMessage.headerLength))
    return again == replay ? nil : "decode(encode(replay state)) is not the state"
}

// The tests link several targets into one program, which can have only one entry point for the fuzzer.
#if FUZZING
    /// libFuzzer's entry.
    @_cdecl("LLVMFuzzerTestOneInput")
    func fuzzNetlinkReply(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        // SAFETY: libFuzzer lends `count` bytes at `start` for the length of this call; they are copied.
        let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
        if let violation = netlinkReplyViolation(bytes) { fatalError(violation) }
        return 0
    }
#endif
