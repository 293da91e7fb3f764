/// One of the protocols that netlink carries, such as NETLINK_ROUTE.
package struct NetlinkProtocol: Sendable {
    /// Its number in linux/netlink.h.
    package let number: Int32
    /// What an operator should know of an errno of the socket itself; nil where the kernel's text says it all.
    package let sentence: @Sendable (Int32) -> String?

    /// The protocol with `number`, whose sockets fail with an errno that `sentence` explains.
    package init(number: Int32, sentence: @escaping @Sendable (Int32) -> String?) {
        self.number = number
        self.sentence = sentence
    }
}

/// The kinds of message of one protocol.
package protocol NetlinkMessageType: RawRepresentable<UInt16> {
    /// The kernel's name, for errors and logs.
    var name: String { get }

    /// What an operator should know when the kernel refuses such a message with `errno`; nil where the kernel's
    /// text says it all.
    func sentence(_ errno: Int32) -> String?
}

/// A multicast group: notifications that a socket may hear.
package struct NetlinkGroup: Hashable, Sendable {
    /// Its number, counted from 1.
    package let number: UInt32
    /// Its name in faults.
    package let name: String

    /// The group with `number`, called `name` in faults.
    package init(number: UInt32, name: String) {
        self.number = number
        self.name = name
    }
}
