internal import IPsecModel

/// Keeps a NAT's mapping alive when we are behind it (RFC 3948 §4, RFC 7296 §2.23).
struct KeepaliveTimer {
    /// The keepalive packet: one 0xFF octet, without a non-ESP marker (RFC 3948 §2.3).
    static let packet: [UInt8] = [0xff]

    private let interval: Duration?
    /// When something was last sent on the path.
    private(set) var lastSent: Instant
    /// How many keepalives went out.
    private(set) var sentCount: UInt64 = 0

    /// A timer that starts now; `interval` nil means never.
    init(interval: Duration?, now: Instant) {
        self.interval = interval
        self.lastSent = now
    }

    /// When the next one is due on `path`; nil if we are not behind a NAT there.
    func deadline(on path: Path) -> Instant? {
        guard path.isLocalBehindNAT, path.usesUDPEncapsulation, let interval = self.interval else {
            return nil
        }
        return self.lastSent.advanced(by: interval)
    }

    /// Something went out on the path, which serves as well.
    mutating func noteSent(now: Instant) {
        self.lastSent = max(self.lastSent, now)
    }

    /// True if a keepalive is to be sent now.
    mutating func deadlineReached(on path: Path, now: Instant) -> Bool {
        guard let deadline = self.deadline(on: path), now >= deadline else { return false }
        self.noteSent(now: now)
        self.sentCount += 1
        return true
    }
}
