internal import CryptoIPsecMB
internal import CryptoOpenSSL
internal import IKECore
internal import IPsecModel
internal import LinuxIO
internal import UserspaceESP
internal import XFRM

extension DataPlaneChooser {
    /// Opens what our own engine needs, while this thread still may: a TUN device, raw sockets, a table of routes.
    ///
    /// What is missing and has a substitute is said in the log; what has none is the error.
    func openUserspace(_ reason: String, _ sockets: SocketSet) throws(StartupError) -> ChosenDataPlane {
        do throws(IOFault) {
            self.clearKernel()
            let tun = try TunDevice(name: "culvert%d")
            let packets = try self.packetSockets(sockets)
            let engine = try UserspaceDataPlane(
                try self.interface(tun), sockets: TunnelSockets(packets), provider: self.ciphers())
            self.log.notice("data plane \(engine.description): \(reason)")
            for sentence in tun.missing + packets.flatMap(\.missing) { self.log.notice(sentence) }
            for warning in Host.forwardingWarnings() { self.log.warning(warning) }
            return ChosenDataPlane(engine: .userspace(engine), reason: reason)
        } catch {
            throw StartupError(
                "\(reason), and culvertd cannot carry ESP itself: \(error.object): \(error.text)")
        }
    }

    /// What a daemon with the kernel's engine left would still catch our inner packets. A kernel without XFRM has nothing.
    private func clearKernel() {
        do throws(KernelFault) {
            try self.removeLeftovers()
        } catch { self.log.debug("nothing of the kernel's engine was removed: \(error)") }
    }

    /// The sockets on UDP 4500, and bare ESP where this host allows it.
    private func packetSockets(_ sockets: SocketSet) throws(IOFault) -> [PacketSocket] {
        // IKE on 500 as well: a tunnel's route may cover a peer that has none yet.
        for bound in sockets.all { try bound.socket.setMark(TunnelInterface.mark) }
        var all: [PacketSocket] = []
        for bound in sockets.all where bound.kind == .natTraversal {
            all.append(try PacketSocket(sharing: bound.socket, mark: TunnelInterface.mark))
        }
        for family in all.map(\.family) {
            do throws(IOFault) {
                all.append(try PacketSocket(rawESP: family, mark: TunnelInterface.mark))
            } catch {
                // Peers without a NAT are then made to use UDP as well.
                self.log.warning("no bare ESP (\(error.text)): all of it travels in UDP")
                return all.filter { $0.kind == .udp }
            }
        }
        return all
    }

    private func interface(_ tun: TunDevice) throws(IOFault) -> TunnelInterface {
        do throws(KernelFault) {
            let interface = try TunnelInterface(tun)
            if let fault = interface.withoutIPv6 {
                self.log.warning(
                    "IPv6 is not routed into tunnels, and leaves in clear if this host has it: \(fault)")
            }
            return interface
        } catch {
            throw IOFault(operation: error.operation, object: tun.name, errno: error.errno, text: "\(error)")
        }
    }

    /// The faster library where it is there and computes what OpenSSL computes.
    private func ciphers() -> any ESPTransformProvider {
        let choice = IPsecMBProvider.choice(over: OpenSSLProvider())
        self.log.notice(choice.reason)
        return choice.provider
    }
}
