internal import IPsecModel
internal import Testing

func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// Two hosts and a wire between them, each in a namespace of its own.
struct Wire {
    let near: Namespace
    let far: Namespace

    /// Outer addresses, and inner ones, which the hosts have on their loopback interfaces.
    enum Addresses {
        static let near = (v4: "192.0.2.1", v6: "2001:db8::1", inner4: "10.1.0.1", inner6: "fd01::1")
        static let far = (v4: "192.0.2.2", v6: "2001:db8::2", inner4: "10.2.0.1", inner6: "fd02::1")
        /// Another outer address of the far host.
        static let other = "192.0.2.3"
    }

    /// A wire that carries packets of `mtu` bytes.
    init(mtu: Int = 1_500) throws {
        self.near = try Namespace.make()
        self.far = try Namespace.make()
        try self.near.ip("link add name wire type veth peer name wire netns \(self.far.path)")
        for (host, own) in [(self.near, Addresses.near), (self.far, Addresses.far)] {
            try host.ip("link set wire up mtu \(mtu)")
            try host.ip("addr add \(own.v4)/24 dev wire")
            try host.ip("addr add \(own.v6)/64 dev wire nodad")
            try host.ip("addr add \(own.inner4)/32 dev lo")
            try host.ip("addr add \(own.inner6)/128 dev lo nodad")
        }
        try self.far.ip("addr add \(Addresses.other)/24 dev wire")
    }
}
