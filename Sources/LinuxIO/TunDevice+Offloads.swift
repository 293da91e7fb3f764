internal import CLinux

extension TunDevice {
    /// What need not be done once per packet that travels.
    package struct Offloads: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// A header of ten bytes precedes each packet (struct virtio_net_hdr, in the machine's byte order). The others
        /// need it.
        package static let header = Offloads(rawValue: 1)
        /// Checksums may be left open. The two below need it.
        package static let checksum = Offloads(rawValue: 2)
        /// TCP segments of one flow come and go as one packet.
        package static let tso = Offloads(rawValue: 4)
        /// UDP datagrams of one flow come and go as one packet; Linux 6.2 and later.
        package static let uso = Offloads(rawValue: 8)
        /// Everything that there is.
        package static let all: Offloads = [.header, .checksum, .tso, .uso]

        /// Without those that need something that is not there.
        var consistent: Offloads {
            if !self.contains(.header) { return [] }
            return self.contains(.checksum) ? self : .header
        }

        /// The bytes before each packet.
        package var headerBytes: Int { self.contains(.header) ? Int(LX_TUN_HEADER_BYTES) : 0 }

        /// The same in the kernel's numbers.
        fileprivate var systemNumber: UInt32 {
            var number = 0
            if self.contains(.checksum) { number |= Int(LX_TUN_CHECKSUM) }
            if self.contains(.tso) { number |= Int(LX_TUN_TSO4 | LX_TUN_TSO6) }
            if self.contains(.uso) { number |= Int(LX_TUN_USO4 | LX_TUN_USO6) }
            return UInt32(number)
        }

        /// What to say about those that are not in this set, if `allowed` was tried.
        func missingSentences(allowed: Offloads) -> [String] {
            let consequences: [(Offloads, String, String)] = [
                (.header, "packet headers", "no packet is carried together with others"),
                (.checksum, "checksum offload", "the kernel computes each checksum before we see the packet"),
                (.tso, "TCP segmentation offload", "TCP segments are carried one by one"),
                (.uso, "UDP segmentation offload", "inner UDP datagrams are carried one by one"),
            ]
            return consequences.filter { !self.contains($0.0) }.map { offload, name, consequence in
                let reason = allowed.consistent.contains(offload) ? "the kernel has no" : "switched off:"
                return "TUN: \(reason) \(name); \(consequence)"
            }
        }
    }

    /// Makes the device behind `fd`: its name, and the offloads that the kernel took.
    static func configure(
        _ fd: Int32, _ pattern: String, _ allowed: Offloads
    ) throws(IOFault) -> (String, Offloads) {
        var wanted = allowed.consistent
        if wanted.contains(.header) {
            let known = try systemCall("ioctl TUNGETFEATURES", pattern) { lx_tun_knows_headers(fd) }
            if known == 0 { wanted = [] }
        }
        let name = try self.attach(fd, pattern, withHeaders: wanted.contains(.header))
        guard wanted.contains(.header) else { return (name, []) }
        // The least important first; the last step takes nothing, which no kernel refuses.
        for given in [[], .uso, [.uso, .tso], [.uso, .tso, .checksum]] as [Offloads] {
            let step = wanted.subtracting(given)
            let result = lx_tun_set_offloads(fd, step.systemNumber)
            if result == 0 { return (name, step) }
            guard result == -Errno.invalid else {
                throw IOFault(operation: "ioctl TUNSETOFFLOAD", object: name, errno: -result)
            }
        }
        return (name, .header)
    }

    private static func attach(
        _ fd: Int32, _ pattern: String, withHeaders: Bool
    ) throws(IOFault) -> String {
        let bytes = Array(pattern.utf8)
        guard !bytes.isEmpty, bytes.count <= 15, !bytes.contains(0) else {
            throw IOFault(
                operation: "ioctl TUNSETIFF", object: pattern, errno: Errno.invalid,
                text: "the name of a device has 1 to 15 bytes")
        }
        var name = bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
        _ = try systemCall("ioctl TUNSETIFF", pattern) {
            // SAFETY: the callee reads and writes the 16 bytes, during the call.
            unsafe name.withUnsafeMutableBytes {
                unsafe lx_tun_attach(
                    fd, $0.baseAddress?.assumingMemoryBound(to: CChar.self), withHeaders ? 1 : 0)
            }
        }
        return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The same fault with a sentence that tells an operator what to do, where there is one.
    static func explained(_ fault: IOFault) -> IOFault {
        let text: String
        switch (fault.operation, fault.errno) {
        case ("open", Errno.noEntry):
            text =
                "there is no TUN device on this host; load the module (`modprobe tun`), or give the container "
                + "the device (`--device \(fault.object)`)"
        case ("open", Errno.noDevice):
            text = "the kernel has no TUN driver; load the module (`modprobe tun`)"
        case ("open", Errno.accessDenied), ("open", Errno.notPermitted):
            text =
                "this process may not open the TUN device; run as root, or give the container the device "
                + "(`--device \(fault.object)`)"
        case ("ioctl TUNSETIFF", Errno.accessDenied), ("ioctl TUNSETIFF", Errno.notPermitted):
            text = "a TUN device needs root or the capability CAP_NET_ADMIN"
        case ("ioctl TUNSETIFF", Errno.busy):
            text =
                "another program holds the device \(fault.object); stop it (`ip -details link show "
                + "\(fault.object)` shows the device)"
        case ("ioctl TUNSETIFF", Errno.invalid) where fault.text == errorText(Errno.invalid):
            text = "\(fault.object) is no name for a TUN device, or a device of another kind has it"
        default: return fault
        }
        return IOFault(operation: fault.operation, object: fault.object, errno: fault.errno, text: text)
    }
}
