internal import CLinux
package import IPsecModel

extension Host {
    /// The addresses that `name` stands for, in the order in which they should be tried (RFC 6724); none if there are
    /// none or nobody knows. Waits for name servers, so it is not for the control thread.
    package static func addresses(of name: String) -> [IPAddress] {
        var found = [lx_endpoint](repeating: lx_endpoint(), count: 16)
        let capacity = Int32(found.count)
        // SAFETY: the callee writes at most `capacity` entries, during the call; the name ends with a zero.
        let count = unsafe found.withUnsafeMutableBufferPointer {
            unsafe lx_resolve(name, $0.baseAddress, capacity)
        }
        return found.prefix(Int(max(0, count))).compactMap { $0.endpoint?.address }
    }

    /// The address that this host's packets to `destination` leave from.
    ///
    /// - Parameters:
    ///   - destination: the other end.
    ///   - source: the only one that will do; nil leaves it to the kernel.
    ///   - mark: what routing rules see as the packets' mark; 0 for none.
    /// - Returns: nil if there is no route, or `source` is not an address of this host.
    package static func sourceAddress(
        to destination: IPAddress, from source: IPAddress? = nil, mark: UInt32 = 0
    ) -> IPAddress? {
        let family = Int32(destination.family.number)
        let wanted = source ?? destination.family.unspecified
        guard wanted.family == destination.family else { return nil }
        do throws(IOFault) {
            let object = "\(destination)"
            let socket = OwnedDescriptor(owning: try systemCall("socket", object) { lx_udp_socket(family) })
            return try socket.withDescriptor { fd throws(IOFault) in
                if mark != 0 {
                    _ = try systemCall("setsockopt SO_MARK", object) {
                        lx_set_option(fd, family, LX_MARK, Int32(bitPattern: mark))
                    }
                }
                var local = lx_endpoint(Endpoint(wanted, 0))
                var remote = lx_endpoint(Endpoint(destination, IKEPort.ike))
                // SAFETY: both live for the whole calls. Connecting UDP sends nothing.
                _ = try systemCall("bind", object) { unsafe lx_bind(fd, &local) }
                _ = try systemCall("connect", object) { unsafe lx_connect(fd, &remote) }
                _ = try systemCall("getsockname", object) { unsafe lx_local_endpoint(fd, &local) }
                return local.endpoint?.address
            }
        } catch {
            // Whatever the reason, there is no way to know anything of.
            return nil
        }
    }
}
