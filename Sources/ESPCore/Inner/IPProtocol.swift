/// Numbers of the IANA registry "Assigned Internet Protocol Numbers" that the packet path must know.
package enum IPProtocol {
    /// IPv6 hop-by-hop options (RFC 8200 §4.3).
    package static let hopByHopOptions: UInt8 = 0
    /// ICMP for IPv4 (RFC 792).
    package static let icmp: UInt8 = 1
    /// IPv4 in IP: the next header of ESP in tunnel mode (RFC 4303 §2.6).
    package static let ipv4: UInt8 = 4
    /// TCP (RFC 9293).
    package static let tcp: UInt8 = 6
    /// UDP (RFC 768).
    package static let udp: UInt8 = 17
    /// DCCP (RFC 4340).
    package static let dccp: UInt8 = 33
    /// IPv6 in IP: the next header of ESP in tunnel mode (RFC 4303 §2.6).
    package static let ipv6: UInt8 = 41
    /// IPv6 routing header (RFC 8200 §4.4).
    package static let routing: UInt8 = 43
    /// IPv6 fragment header (RFC 8200 §4.5).
    package static let fragment: UInt8 = 44
    /// ESP (RFC 4303).
    package static let esp: UInt8 = 50
    /// ICMPv6 (RFC 4443).
    package static let icmpv6: UInt8 = 58
    /// Nothing follows (RFC 8200 §4.7); in ESP, a dummy packet (RFC 4303 §2.6).
    package static let noNextHeader: UInt8 = 59
    /// IPv6 destination options (RFC 8200 §4.6).
    package static let destinationOptions: UInt8 = 60
    /// SCTP (RFC 9260).
    package static let sctp: UInt8 = 132
    /// IPv6 mobility header (RFC 6275 §6.1), which the selectors treat as an upper layer (RFC 4301 §4.4.1.1).
    package static let mobility: UInt8 = 135
    /// UDP-Lite (RFC 3828).
    package static let udpLite: UInt8 = 136
}
