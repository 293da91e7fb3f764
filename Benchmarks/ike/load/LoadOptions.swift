internal import ArgumentParser
internal import GatewayConfig
internal import IPsecModel

/// What the command line says.
struct LoadOptions: ParsableArguments {
    @Argument(help: "The responder's address.")
    var responder: String
    @Option(
        help:
            "The address that it is called by, if that stands for a NAT in front of it; nothing is sent there."
    )
    var called: String?
    @Option(help: "How many IKE_SAs, each with one CHILD_SA.")
    var count = 1_000
    @Option(help: "How many are being set up at the same time.")
    var atOnce = 16
    @Option(help: "How many are begun in a second at most; 0 for as many as can be.")
    var rate = 0
    @Option(help: "Report after each so many; the next begin when all of these are done. 0 for no steps.")
    var step = 0
    @Option(help: "Our addresses, used in turn: one, or the first and the last with a '-' between them.")
    var addresses = "127.0.0.1"
    @Option(help: "The UDP port that IKE begins from.")
    var port: UInt16 = IKEPort.ike
    @Option(help: "The UDP port for everything behind a NAT.")
    var natPort: UInt16 = IKEPort.natTraversal
    @Option(help: "Our identities; '%' stands for the number of the IKE_SA.")
    var id = "peer%.load.example"
    @Option(help: "The responder's identity.")
    var responderId = "responder.load.example"
    @Option(help: "The pre-shared key of all of them.")
    var psk = "measured and thrown away"
    @Option(help: "Proposal of the IKE_SA.")
    var proposal = "aes128gcm16-prfsha256-x25519"
    @Option(help: "Proposal of the CHILD_SA.")
    var espProposal = "aes128gcm16"
    @Option(help: "The network of which each of us has one address as its traffic selector.")
    var localNet = "10.0.0.0/8"
    @Option(help: "The responder's traffic selector.")
    var remoteTs = "192.168.0.0/16"
    @Option(help: "Seconds of the peer's silence after which we ask whether it lives; 0 for never.")
    var dpd = 0
    @Option(help: "Seconds after which we send a keepalive, if we are behind a NAT; 0 for never.")
    var keepalive = 20
    @Option(help: "Seconds to hold the SAs: requests are answered and keepalives sent.")
    var hold = 0
    @Flag(
        help: "Use 1 as the private value of MODP-2048: initiators that cost little, and keep nothing secret."
    )
    var cheap = false
    @Option(help: "Process ID of a responder on this host: its processor time and memory are reported too.")
    var pid: Int32?

    func validate() throws {
        guard self.count > 0, self.atOnce > 0, self.step >= 0, self.hold >= 0, self.rate >= 0 else {
            throw ValidationError("numbers of IKE_SAs begin at 1, times, steps and rates at 0")
        }
    }

    /// Our addresses.
    func sources() throws -> [IPAddress] {
        let ends = self.addresses.split(separator: "-").map { IPAddress(String($0)) }
        guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2,
            let range = AddressRange(first, last), range.last.number - range.first.number < 65_536
        else { throw ValidationError("'\(self.addresses)' is neither an address nor two") }
        return (range.first.number...range.last.number).map {
            IPAddress(family: first.family, number: $0)
        }
    }

    /// The responder's address, and the one that engines know it by.
    func target() throws -> (real: IPAddress, called: IPAddress) {
        let real = try Self.address(self.responder)
        let called = try self.called.map { try Self.address($0) } ?? real
        guard real.family == called.family else { throw ValidationError("there is no NAT between families") }
        return (real, called)
    }

    private static func address(_ text: String) throws -> IPAddress {
        guard let address = IPAddress(text) else { throw ValidationError("'\(text)' is no address") }
        return address
    }

    /// What the initiator with this number is configured with. The daemon's own parser reads it, so that everything
    /// may be written as an operator would.
    func configuration(number: Int, address: IPAddress) throws -> GatewayConfiguration {
        guard let net = IPPrefix(self.localNet) else {
            throw ValidationError("'\(self.localNet)' is no network")
        }
        let own = IPAddress(family: net.address.family, number: net.address.number + UInt128(number))
        guard net.contains(own) else { throw ValidationError("\(self.localNet) is too small") }
        let parts = self.id.split(separator: "%", omittingEmptySubsequences: false)
        let identity = parts.joined(separator: "\(number)")
        let text = """
            keepalive = \(self.keepalive)
            connections { \(LoadRun.connection) {
                local_addrs = \(address)
                remote_addrs = \(self.called ?? self.responder)
                proposals = \(self.proposal)
                dpd_delay = \(self.dpd)
                rekey_time = 0
                verify_rekey = no
                local { auth = psk
                    id = "\(identity)" }
                remote { auth = psk
                    id = "\(self.responderId)" }
                children { net {
                    local_ts = \(own)
                    remote_ts = \(self.remoteTs)
                    esp_proposals = \(self.espProposal)
                    rekey_time = 0 } }
            } }
            secrets { ike { secret = "\(self.psk)" } }
            """
        let result = ConfigurationParser.parse(name: "ike-load", text: text)
        guard let configuration = result.configuration else { throw ValidationError(result.render()) }
        return configuration
    }
}
