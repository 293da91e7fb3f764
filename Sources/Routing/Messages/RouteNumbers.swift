// Numbers of linux/rtnetlink.h and its neighbours. They are kernel ABI and never change.

/// The kinds of message.
enum RouteMessageType: UInt16 {
    case newLink = 16
    case getLink = 18
    case newAddress = 20
    case deleteAddress = 21
    case getAddress = 22
    case newRoute = 24
    case deleteRoute = 25
    case getRoute = 26
    case newRule = 32
    case deleteRule = 33
    case getRule = 34
}

/// Attributes of an interface (linux/if_link.h).
enum LinkAttribute {
    /// IFLA_MTU: bytes.
    static let mtu: UInt16 = 4
    /// IFLA_TXQLEN: packets.
    static let queueLength: UInt16 = 13
}

/// Attributes of an address (linux/if_addr.h).
enum AddressAttribute {
    /// IFA_ADDRESS: the address, or the far end's on a link between two.
    static let address: UInt16 = 1
    /// IFA_LOCAL: ours, where `address` may be the far end's.
    static let local: UInt16 = 2
    /// IFA_FLAGS: 32 bits, where the header has eight.
    static let flags: UInt16 = 8
}

/// Attributes of a route (linux/rtnetlink.h).
enum RouteAttribute {
    /// RTA_DST: the first address of the prefix.
    static let destination: UInt16 = 1
    /// RTA_OIF: the interface's number.
    static let interface: UInt16 = 4
    /// RTA_PREFSRC: the source address of packets of this host's own.
    static let preferredSource: UInt16 = 7
    /// RTA_METRICS: attributes of their own.
    static let metrics: UInt16 = 8
    /// RTA_TABLE: 32 bits, where the header has eight.
    static let table: UInt16 = 15
    /// RTAX_MTU, among the metrics: bytes.
    static let mtu: UInt16 = 2
    /// RTAX_ADVMSS, among the metrics: the TCP MSS that this host offers.
    static let advertisedMSS: UInt16 = 8
}

/// Attributes of a rule (linux/fib_rules.h).
enum RuleAttribute {
    /// FRA_SRC: the first address of the prefix in which a packet's source is.
    static let source: UInt16 = 2
    /// FRA_PRIORITY: rules are asked from the lowest to the highest.
    static let priority: UInt16 = 6
    /// FRA_FWMARK: the mark of a packet.
    static let mark: UInt16 = 10
    /// FRA_TABLE: the table to look in.
    static let table: UInt16 = 15
    /// FRA_PROTOCOL: who made the rule.
    static let origin: UInt16 = 21
    /// FRA_IP_PROTO: the protocol of a packet (Linux 4.17 and later).
    static let ipProtocol: UInt16 = 22
    /// FRA_SPORT_RANGE: the first and the last source port.
    static let sourcePorts: UInt16 = 23
}

/// Other numbers of the kernel's structures.
enum RouteNumber {
    /// IFF_UP.
    static let isUp: UInt32 = 1
    /// IFA_F_NODAD: do not look for a duplicate first.
    static let noDuplicateDetection: UInt32 = 0x02
    /// IFA_F_NOPREFIXROUTE: the address makes no route of its own.
    static let noPrefixRoute: UInt32 = 0x200
    /// RTN_UNICAST.
    static let unicast: UInt8 = 1
    /// RTN_THROW: as if the table had no route for these packets.
    static let `throw`: UInt8 = 9
    /// RT_SCOPE_UNIVERSE.
    static let universe: UInt8 = 0
    /// RT_SCOPE_LINK.
    static let link: UInt8 = 253
    /// RT_SCOPE_NOWHERE: of any scope, where routes are deleted.
    static let anyScope: UInt8 = 255
    /// RTM_F_CLONED: not a route but what was learned about one.
    static let isCloned: UInt32 = 0x200
    /// FR_ACT_TO_TBL.
    static let lookUp: UInt8 = 1
    /// RT_TABLE_MAIN.
    static let mainTable: UInt8 = 254
    /// FIB_RULE_INVERT.
    static let inverted: UInt32 = 2
}
