package import IPsecModel
internal import LinuxIO

/// Asks the kernel one thing at a time.
package final class NetlinkSocket {
    private let netlink: NetlinkProtocol
    private let descriptor: NetlinkDescriptor
    /// The number of the last request.
    package private(set) var sequence: UInt32 = 0

    /// The kernel answers before `send` returns; this is for the one that does not.
    private static let patienceMilliseconds: Int32 = 5_000
    /// How often a listing is begun anew because the tables changed under it.
    private static let attempts = 8

    /// Opens a socket of `netlink`.
    package init(_ netlink: NetlinkProtocol) throws(KernelFault) {
        self.netlink = netlink
        do throws(IOFault) {
            self.descriptor = try NetlinkDescriptor(netlink)
        } catch {
            throw KernelFault(error, netlink)
        }
    }

    /// The port ID that our requests carry, and with them the notifications that they cause.
    package var portID: UInt32 { self.descriptor.portID }

    /// Sends `request` and hands what answers it to `each`; returns when the kernel has acknowledged it.
    package func transact(
        _ request: NetlinkRequest, on object: String,
        each: (NetlinkMessage) throws(MalformedMessage) -> Void = { _ in }
    ) throws(KernelFault) {
        switch try self.ask(request, object, each) {
        case .finished: return
        case .refused(let verdict): throw KernelFault(verdict, request.type, object)
        case .unfinished, .interrupted:
            throw KernelFault(
                operation: request.type.name, object: object, errno: Errno.interrupted,
                text: "the kernel's answer was incomplete")
        }
    }

    /// What `read` makes of the messages with which the kernel answers `request`, which asks for a list.
    package func list<Value>(
        _ request: NetlinkRequest, _ read: (NetlinkMessage) throws(MalformedMessage) -> Value?
    ) throws(KernelFault) -> [Value] {
        for _ in 0..<Self.attempts {
            var values: [Value] = []
            let progress = try self.ask(request, "all") { message throws(MalformedMessage) in
                if let value = try read(message) { values.append(value) }
            }
            switch progress {
            case .finished: return values
            case .refused(let verdict): throw KernelFault(verdict, request.type, "all")
            case .unfinished, .interrupted: continue
            }
        }
        throw KernelFault(
            operation: request.type.name, object: "all", errno: Errno.interrupted,
            text: "the kernel's tables changed each time they were listed")
    }

    private func ask(
        _ request: NetlinkRequest, _ object: String,
        _ each: (NetlinkMessage) throws(MalformedMessage) -> Void
    ) throws(KernelFault) -> NetlinkQuestion.Progress {
        self.sequence &+= 1  // It may wrap: only the last one counts.
        request.stamp(sequence: self.sequence, portID: self.portID)
        let question = NetlinkQuestion(sequence: self.sequence, portID: self.portID)
        do throws(IOFault) {
            try self.descriptor.send(request)
            while true {
                let result = try self.receive { bytes throws(MalformedMessage) in
                    try question.progress(in: bytes, each: each)
                }
                switch result {
                case .success(.unfinished): continue
                case .success(let progress): return progress
                case .failure(let fault):
                    return .refused(.malformed(fault))
                }
            }
        } catch {
            throw KernelFault(error, self.netlink, operation: request.type.name, object: object)
        }
    }

    private func receive<Value>(
        _ body: (ArraySlice<UInt8>) throws(MalformedMessage) -> Value
    ) throws(IOFault) -> Result<Value, MalformedMessage> {
        do throws(IOFault) {
            return try self.descriptor.receive(body)
        } catch {
            guard error.wouldBlock else { throw error }
            let isReady = self.descriptor.waitUntilReadable(milliseconds: Self.patienceMilliseconds)
            guard isReady else {
                throw IOFault(operation: "recvmsg", object: "netlink socket", errno: Errno.timedOut)
            }
            return try self.descriptor.receive(body)
        }
    }
}
