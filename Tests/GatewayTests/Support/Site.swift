import ControlProtocol
import Foundation
import IKECore
import IPsecModel
import LinuxIO
import NIOEmbedded
import SimNet

@testable import Gateway

/// A gateway without sockets and kernel, on a simulated network with a peer: everything of the daemon that is
/// between them.
///
/// The loop's clock is the real one, the network's is virtual; no test here waits for either.
final class Site {
    let net = SimNet()
    let folder: TemporaryFolder
    let plane = FakeDataPlane()
    let log: RecordedLog
    let crypto = SeededCrypto(seed: 2)
    let loop: ControlLoop
    let session: Session
    let answers: ControlAnswers
    let peer: ScriptedInitiator
    private let host: Host

    /// The pre-shared key of `configuration`, which is the test peer's.
    static let key = "a secret that only A and B know"

    /// A site with this file; `file` has its path.
    init(_ configuration: String = Site.configuration()) throws {
        self.folder = try TemporaryFolder()
        self.log = RecordedLog()
        let path = try self.folder.write(configuration, to: "culvert.conf")
        let file = try LoadedConfiguration.load(path: path, now: ControlLoop.now())
        self.host = Host(net: self.net)
        self.crypto.remembersSecrets = true
        self.loop = ControlLoop(
            engine: IKEEngine(configuration: file.configuration, crypto: self.crypto), dataPlane: self.plane,
            outlet: self.host, eventLoop: EmbeddedEventLoop(), keyExchange: .here(self.crypto),
            log: self.log.log())
        self.session = Session(
            file: file, startedAt: ControlLoop.now(), dataPlaneReason: "test", log: self.log.log())
        self.answers = ControlAnswers(loop: self.loop, session: self.session)
        self.peer = ScriptedInitiator(
            PeerSettings(address: Values.peer, gateway: Values.gateway), on: self.net)
        self.host.loop = self.loop
        self.net.attach(self.host)
    }

    /// Two connections; the key and the selectors of the first can be changed.
    static func configuration(
        key: String = Site.key, remote: String = "10.1.0.0/24",
        proposals: String = "aes128gcm16-prfsha256-x25519",
        dataPlane: String = "kernel", further: String = "site-c"
    ) -> String {
        """
        data_plane = \(dataPlane)
        connections {
            site-a {
                proposals = \(proposals)
                local { auth = psk
                    id = b.example.org }
                remote { auth = psk
                    id = a.example.org }
                children { net { local_ts = 10.2.0.0/24
                    remote_ts = \(remote)
                    esp_proposals = aes128gcm16 } }
            }
            \(further) {
                remote_addrs = 192.0.2.77
                proposals = aes256-sha384-ecp384
                local { auth = psk
                    id = b.example.org }
                remote { auth = psk
                    id = c.example.org }
                children { net { local_ts = 10.2.0.0/24
                    remote_ts = 10.3.0.0/24 } }
            }
        }
        secrets {
            ike-a { id = a.example.org
                secret = "\(key)" }
            ike-c { id = c.example.org
                secret = "another one for C and B alone" }
        }
        """
    }

    /// The peer sets up an IKE_SA, or fails to.
    func connect() throws {
        try self.peer.connect()
        self.net.run(for: .seconds(1))
    }

    /// From now on nothing can be sent, as after an ICMP error of an earlier packet; nil ends that.
    func failSending(_ fault: IOFault?) { self.host.fault = fault }

    /// Changes the file.
    func rewrite(_ configuration: String) throws {
        try self.folder.write(configuration, to: "culvert.conf")
    }

    /// What the control socket says of the connection `name`.
    func report(_ name: String) -> PeerReport? {
        PeerReporter(
            configuration: self.session.configuration, snapshots: self.loop.engine.snapshots,
            failures: self.loop.failures, dataPlane: self.plane, clock: WallClock(instant: ControlLoop.now())
        ).reports().first { $0.name == name }
    }

    /// The gateway on the network.
    private final class Host: SimHost, DatagramOutlet {
        let net: SimNet
        weak var loop: ControlLoop?
        var fault: IOFault?

        init(net: SimNet) { self.net = net }

        let addresses = [Values.gateway]
        var nextDeadline: Instant? { nil }
        let endpoints = [Endpoint(Values.gateway, 500), Endpoint(Values.gateway, 4_500)]

        func deadlineReached(on net: SimNet) {}

        func receive(_ datagram: Datagram, on net: SimNet) {
            self.loop?.receive(
                ReceivedDatagram(
                    bytes: datagram.bytes, source: datagram.source, destination: datagram.destination,
                    socket: datagram.destination.port == 500 ? .ike : .natTraversal))
        }

        func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) throws(IOFault) {
            if let fault = self.fault { throw fault }
            self.net.send(Datagram(source: source, destination: destination, bytes: bytes), from: self)
        }
    }
}
