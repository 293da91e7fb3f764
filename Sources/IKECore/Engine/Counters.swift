/// Why a datagram was dropped without an answer, or without effect.
package enum DropReason: String, Hashable, Sendable, CaseIterable {
    /// Too short for anything.
    case runt
    /// A keepalive: nothing is wrong with it.
    case keepalive
    /// ESP on a socket where none should come up: its SPI is unknown to the kernel.
    case unexpectedESP = "unexpected_esp"
    /// Not a well-formed IKE message.
    case malformed
    /// Another major version of IKE.
    case unknownVersion = "unknown_version"
    /// No IKE_SA has its SPIs.
    case unknownSPI = "unknown_spi"
    /// A response that nobody waits for.
    case unexpectedResponse = "unexpected_response"
    /// A request outside the window, or one that is being worked on.
    case outsideWindow = "outside_window"
    /// Not protected, where it has to be.
    case unprotected
    /// Its ICV is wrong.
    case wrongICV = "wrong_icv"
    /// An exchange that does not belong to the IKE_SA's phase.
    case wrongExchange = "wrong_exchange"
    /// A fragment that does not fit the others, or too many of them.
    case badFragment = "bad_fragment"
    /// Half-open or established IKE_SAs are at their limit.
    case limit
    /// A cookie that is not ours, or none where one is due; a fresh one was sent.
    case cookieDemanded = "cookie_demanded"
    /// The connection does not exist or we are shutting down.
    case notAccepting = "not_accepting"
}

/// Counts what has no other effect.
package struct Counters: Sendable {
    private var drops: [DropReason: UInt64] = [:]
    /// Datagrams that came in.
    package internal(set) var received: UInt64 = 0
    /// IKE_SA_INIT exchanges that were answered with keys.
    package internal(set) var initialExchanges: UInt64 = 0
    /// Retransmitted requests that were answered from the cache.
    package internal(set) var repeatedAnswers: UInt64 = 0

    init() {}

    /// How many were dropped for `reason`.
    package func dropped(_ reason: DropReason) -> UInt64 { self.drops[reason] ?? 0 }

    mutating func drop(_ reason: DropReason) {
        self.drops[reason, default: 0] &+= 1  // wraps after 10¹⁹ packets
    }
}
