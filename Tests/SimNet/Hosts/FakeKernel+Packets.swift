internal import IKECore
internal import IPsecModel

extension FakeKernel {
    /// What came out of an ESP packet.
    struct Received {
        let text: String
        let reqid: UInt32
        /// The event that a real kernel raises, if the packet came from somewhere new.
        let event: DataPlaneEvent?
    }

    /// Opens an ESP packet; nil if there is no state for it, or it is not authentic, or a replay.
    func receive(_ datagram: Datagram, crypto: any CryptoProvider) -> Received? {
        guard let packet = ESPPacket(datagram.bytes), var state = self.inbound[packet.spi],
            let text = packet.open(suite: state.suite, keys: state.keys, crypto: crypto),
            packet.sequence > state.sequence
        else { return nil }
        guard state.path.usesUDPEncapsulation == (datagram.kind == .udp) else { return nil }
        state.sequence = packet.sequence
        state.lastUse = self.now
        self.inbound[packet.spi] = state
        let identifier = SAIdentifier(spi: packet.spi, destination: datagram.destination.address)
        var event: DataPlaneEvent?
        if datagram.kind == .udp, datagram.source != state.path.remote {
            event = .mappingChanged(
                identifier, reqid: state.reqid, from: state.path.remote, to: datagram.source)
        }
        return Received(text: text, reqid: state.reqid, event: event)
    }

    /// A packet that carries `text` through the CHILD_SA of `reqid`; nil if none sends.
    func send(_ text: String, reqid: UInt32, crypto: any CryptoProvider) -> Datagram? {
        guard let identifier = self.sending[reqid], var state = self.outbound[identifier] else { return nil }
        let (next, overflow) = state.sequence.addingReportingOverflow(1)
        guard !overflow else { return nil }
        state.sequence = next
        state.lastUse = self.now
        self.outbound[identifier] = state
        let bytes = try? ESPPacket.seal(
            text, spi: identifier.spi, sequence: next, suite: state.suite, keys: state.keys, crypto: crypto)
        guard let bytes else { return nil }
        guard state.path.usesUDPEncapsulation else {
            return Datagram(
                source: Endpoint(state.path.local.address, 0),
                destination: Endpoint(state.path.remote.address, 0), kind: .esp, bytes: bytes)
        }
        return Datagram(source: state.path.local, destination: state.path.remote, bytes: bytes)
    }
}
