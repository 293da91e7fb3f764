internal import ESPCore

/// Whether the device is still believed to take joined packets, which it said it does, for TCP and UDP each.
///
/// A peer chooses what is joined, so one refusal proves nothing; many in a row, and none taken in between, do.
struct JoiningTrust {
    /// Refusals in a row after which nothing of the kind is joined any more.
    static let patience = 8

    private var tcp = 0
    private var udp = 0

    /// False after too many refusals.
    var joinsTCP: Bool { self.tcp < Self.patience }
    /// The same for UDP.
    var joinsUDP: Bool { self.udp < Self.patience }

    /// A packet that the kernel was to cut like this was taken, or refused as invalid.
    mutating func note(_ segmentation: OffloadHeader.Segmentation, isRefused: Bool) {
        switch segmentation {
        case .tcp4, .tcp6: self.tcp = isRefused ? self.tcp + 1 : self.joinsTCP ? 0 : self.tcp
        case .udp: self.udp = isRefused ? self.udp + 1 : self.joinsUDP ? 0 : self.udp
        case .none, .unknown: break
        }
    }
}
