internal import Netlink

// Numbers of linux/xfrm.h. They are kernel ABI and never change.

/// The kinds of message.
enum XFRMMessageType: UInt16 {
    case newSA = 0x10
    case deleteSA
    case getSA
    case newPolicy
    case deletePolicy
    case getPolicy
    case allocateSPI
    case acquire
    case expire
    case updatePolicy
    case updateSA
    case policyExpire
    case flushSA
    case mapping = 0x26

    /// The kernel's name, for errors and logs.
    var name: String {
        switch self {
        case .newSA: return "NEWSA"
        case .deleteSA: return "DELSA"
        case .getSA: return "GETSA"
        case .newPolicy: return "NEWPOLICY"
        case .deletePolicy: return "DELPOLICY"
        case .getPolicy: return "GETPOLICY"
        case .allocateSPI: return "ALLOCSPI"
        case .acquire: return "ACQUIRE"
        case .expire: return "EXPIRE"
        case .updatePolicy: return "UPDPOLICY"
        case .updateSA: return "UPDSA"
        case .policyExpire: return "POLEXPIRE"
        case .flushSA: return "FLUSHSA"
        case .mapping: return "MAPPING"
        }
    }
}

/// The attributes that we write or read.
enum XFRMAttribute: UInt16 {
    case encryptionAlgorithm = 2  // XFRMA_ALG_CRYPT, struct xfrm_algo
    case encapsulation = 4  // XFRMA_ENCAP, struct xfrm_encap_tmpl
    case template = 5  // XFRMA_TMPL, struct xfrm_user_tmpl, one or more
    case state = 6  // XFRMA_SA, struct xfrm_usersa_info
    case lifetimeCounters = 9  // XFRMA_LTIME_VAL, struct xfrm_lifetime_cur
    case replay = 10  // XFRMA_REPLAY_VAL, struct xfrm_replay_state
    case lastUsed = 15  // XFRMA_LASTUSED, __u64
    case combinedAlgorithm = 18  // XFRMA_ALG_AEAD, struct xfrm_algo_aead
    case integrityAlgorithm = 20  // XFRMA_ALG_AUTH_TRUNC, struct xfrm_algo_auth
    case replayBitmap = 23  // XFRMA_REPLAY_ESN_VAL, struct xfrm_replay_state_esn
}

/// The multicast groups (enum xfrm_nlgroups).
enum XFRMGroup: UInt32, CaseIterable {
    case acquire = 1
    case expire = 2
    case states = 3
    case mapping = 8

    /// The group as netlink knows it.
    var group: NetlinkGroup { NetlinkGroup(number: self.rawValue, name: "\(self)") }
}

/// Other numbers of the kernel's structures.
enum XFRMNumber {
    /// IPPROTO_ESP.
    static let esp: UInt8 = 50
    /// XFRM_MODE_TUNNEL.
    static let tunnelMode: UInt8 = 1
    /// XFRM_STATE_AF_UNSPEC: inner packets may be of either family.
    static let anyInnerFamily: UInt8 = 32
    /// XFRM_STATE_ESN.
    static let extendedSequenceNumbers: UInt8 = 128
    /// UDP_ENCAP_ESPINUDP.
    static let espInUDP: UInt16 = 2
    /// XFRM_INF: no limit.
    static let unlimited = UInt64.max
    /// The widest replay window, in packets (XFRMA_REPLAY_ESN_MAX).
    static let largestReplayWindow: UInt32 = 4_096
}
