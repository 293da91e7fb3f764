internal import CLinux
package import IPsecModel

extension Host {
    /// The MTU of the path between two addresses as the kernel knows it now.
    ///
    /// - Parameters:
    ///   - source: our address; 0.0.0.0 or :: if the kernel may choose.
    ///   - destination: the other end.
    ///   - mark: what routing rules see as the packets' mark; 0 for none.
    /// - Returns: the interface's MTU, or less if a router said so (RFC 1191, RFC 8201); nil if there is no route, or
    ///   if `source` is not an address of this host.
    package static func pathMTU(from source: IPAddress, to destination: IPAddress, mark: UInt32 = 0) -> Int? {
        let family = Int32(destination.family.number)
        guard source.family == destination.family else { return nil }
        do throws(IOFault) {
            let object = "\(destination)"
            let socket = OwnedDescriptor(owning: try systemCall("socket", object) { lx_udp_socket(family) })
            return try socket.withDescriptor { fd throws(IOFault) in
                if mark != 0 {
                    _ = try systemCall("setsockopt SO_MARK", object) {
                        lx_set_option(fd, family, LX_MARK, Int32(bitPattern: mark))
                    }
                }
                var local = lx_endpoint(Endpoint(source, 0))
                // SAFETY: `local` lives for the whole call.
                _ = try systemCall("bind", object) { unsafe lx_bind(fd, &local) }
                var remote = lx_endpoint(Endpoint(destination, IKEPort.natTraversal))
                // SAFETY: `remote` lives for the whole call. Connecting UDP sends nothing.
                _ = try systemCall("connect", object) { unsafe lx_connect(fd, &remote) }
                return try systemCall("getsockopt MTU", object) { lx_path_mtu(fd, family) }
            }
        } catch {
            // Whatever the reason, there is no path to know anything of.
            return nil
        }
    }
}
