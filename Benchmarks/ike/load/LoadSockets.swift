internal import IKECore
internal import IPsecModel
internal import LinuxIO

/// The two UDP sockets of all initiators.
///
/// An engine knows the ports of IKE alone. Where the sockets have others, they stand for a NAT in front of us: engines
/// see 500 and 4500, the responder sees what the sockets have. Likewise the engines may know the responder by an address
/// that it does not have: that stands for a NAT in front of it.
struct LoadSockets {
    private let ike: IKESocket
    private let natTraversal: IKESocket
    private let responder: IPAddress
    private let called: IPAddress

    /// Binds them to all addresses of this host. Engines call the responder by the address `called`.
    init(to responder: IPAddress, called: IPAddress, port: UInt16, natPort: UInt16) throws {
        let any = responder.family.unspecified
        self.responder = responder
        self.called = called
        self.ike = try IKESocket(bindingTo: Endpoint(any, port), role: [])
        self.natTraversal = try IKESocket(bindingTo: Endpoint(any, natPort), role: [])
    }

    /// Sends what an engine wants sent. What cannot be sent is as good as lost.
    func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) throws(IOFault) {
        let socket = source.port == IKEPort.ike ? self.ike : self.natTraversal
        let address = destination.address == self.called ? self.responder : destination.address
        try socket.send(bytes, from: source, to: Endpoint(address, destination.port))
    }

    /// Waits until there is something to read, or so many milliseconds are over.
    func wait(milliseconds: Int32) {
        self.ike.withDescriptor { first in
            self.natTraversal.withDescriptor { second in
                let descriptors: InlineArray<2, Int32> = [first, second]
                _ = PacketPoll.wait(descriptors.span, milliseconds: milliseconds)
            }
        }
    }

    /// Appends what has come to `batch`, as an engine expects it.
    func receive(into batch: inout [ReceivedDatagram]) throws(IOFault) {
        try self.receive(from: self.ike, .ike, IKEPort.ike, into: &batch)
        try self.receive(from: self.natTraversal, .natTraversal, IKEPort.natTraversal, into: &batch)
    }

    private func receive(
        from socket: IKESocket, _ kind: IKESocketKind, _ port: UInt16,
        into batch: inout [ReceivedDatagram]
    ) throws(IOFault) {
        var datagrams: [IKESocket.Datagram] = []
        try socket.receive(into: &datagrams)
        for datagram in datagrams {
            let address = datagram.from.address == self.responder ? self.called : datagram.from.address
            batch.append(
                ReceivedDatagram(
                    bytes: datagram.bytes, source: Endpoint(address, datagram.from.port),
                    destination: Endpoint(datagram.to.address, port), socket: kind))
        }
    }
}
