/// What both ends of the control socket must agree on.
///
/// The socket carries JSON objects in UTF-8, one on each line. A client sends requests (`ControlRequest`) and
/// gets one reply (`ControlReply`) to each, in order. Within a schema, fields are only added to replies, never
/// renamed or removed, and a client ignores those it does not know. A request with a field that the daemon
/// does not know is refused, because the field may have limited what the request does. All texts are one line
/// without control characters.
package enum ControlSchema {
    /// The number in the field `schema` of each request and reply.
    package static let version = 1
    /// Bytes of one request, the newline excluded; the daemon closes the connection on a longer one.
    package static let maximumRequestBytes = 65_536
    /// Bytes of one reply, the newline excluded: room for 30,000 IKE_SAs with a CHILD_SA each.
    package static let maximumReplyBytes = 67_108_864
    /// Where culvertd listens unless told otherwise.
    package static let defaultSocketPath = "/run/culvert/culvert.sock"
}

/// The release that these programs belong to.
package enum Release {
    /// Printed by `culvert version` and `culvertd --version`.
    package static let version = "0.1.0"
}
