internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// One policy: which inner packets go through which tunnel.
struct KernelPolicy: Hashable, CustomStringConvertible {
    /// The three places where the kernel asks (enum in linux/xfrm.h): packets for us, from us, through us.
    enum Direction: UInt8, CaseIterable {
        case inbound = 0
        case outbound = 1
        case forward = 2

        fileprivate var name: String {
            switch self {
            case .inbound: return "in"
            case .outbound: return "out"
            case .forward: return "fwd"
            }
        }
    }

    /// `struct xfrm_user_tmpl`: the states that may carry the packets.
    struct Template: Hashable {
        var source: IPAddress
        var destination: IPAddress
        var reqid: UInt32
    }

    var direction: Direction
    var selector: KernelSelector
    var priority: UInt32
    var template: Template

    var description: String { "\(self.direction.name) \(self.selector)" }

    /// By what the kernel knows it: there is one policy at most with the same of both.
    struct Key: Hashable {
        let direction: Direction
        let selector: KernelSelector
    }

    /// By what the kernel knows this one.
    var key: Key { Key(direction: self.direction, selector: self.selector) }

    /// Policies of one child and direction at most; more would be a configuration that nobody meant.
    static let limit = 64

    // RFC-GAP: RFC 4301 §4.4.1 nothing makes BYPASS and DISCARD entries.
    /// All policies of a child on `path`.
    static func policies(for child: ChildSASpec, on path: Path) throws(KernelFault) -> [KernelPolicy] {
        try Self.policies(
            between: child.localSelectors, and: child.remoteSelectors,
            Template(source: path.local.address, destination: path.remote.address, reqid: child.reqid))
    }

    /// All policies of a trap. Its templates fit no state; of what they say only the reqid matters, and that the kernel
    /// finds an address of ours for them.
    static func policies(for trap: TrapPolicy) throws(KernelFault) -> [KernelPolicy] {
        // Loopback is a place to which there is always a way.
        let remote = trap.remote ?? IPAddress(family: .v4, number: 0x7f00_0001)
        let local = IPAddress(family: remote.family, number: 0)
        return try Self.policies(
            between: trap.localSelectors, and: trap.remoteSelectors,
            Template(source: local, destination: remote, reqid: trap.reqid))
    }

    private static func policies(
        between local: [TrafficSelector], and remote: [TrafficSelector], _ out: Template
    ) throws(KernelFault) -> [KernelPolicy] {
        let back = Template(source: out.destination, destination: out.source, reqid: out.reqid)
        var policies: [KernelPolicy] = []
        for local in local {
            for remote in remote {
                let outward = try Self.selectors(from: local, to: remote)
                let inward = try Self.selectors(from: remote, to: local)
                policies += outward.map { Self(direction: .outbound, $0, out) }
                policies += inward.map { Self(direction: .inbound, $0, back) }
                policies += inward.map { Self(direction: .forward, $0, back) }
                guard policies.count <= 3 * Self.limit else { throw Self.tooMany(local, remote) }
            }
        }
        return policies
    }

    private static func selectors(
        from source: TrafficSelector, to destination: TrafficSelector
    ) throws(KernelFault) -> [KernelSelector] {
        guard
            let selectors = KernelSelector.selectors(from: source, to: destination, atMost: Self.limit)
        else { throw Self.tooMany(source, destination) }
        return selectors
    }

    private static func tooMany(_ first: TrafficSelector, _ second: TrafficSelector) -> KernelFault {
        KernelFault(
            operation: "NEWPOLICY", object: "\(first) and \(second)", errno: Errno.invalid,
            text: "these selectors need more than \(Self.limit) kernel policies; use ranges that are prefixes"
        )
    }

    private init(direction: Direction, _ selector: KernelSelector, _ template: Template) {
        self.init(
            direction: direction, selector: selector, priority: Self.priority(of: selector),
            template: template)
    }

    /// A policy with a priority of the caller's.
    init(direction: Direction, selector: KernelSelector, priority: UInt32, template: Template) {
        self.direction = direction
        self.selector = selector
        self.priority = priority
        self.template = template
    }

    /// The kernel takes the matching policy with the lowest number: first the longer prefixes count, then a
    /// protocol, then the bits of the ports.
    static func priority(of selector: KernelSelector) -> UInt32 {
        let prefixBits = selector.source.length + selector.destination.length  // at most 256
        let portBits =
            selector.sourcePort.mask.nonzeroBitCount + selector.destinationPort.mask.nonzeroBitCount
        let narrowness = prefixBits * 128 + (selector.ipProtocol == 0 ? 0 : 64) + portBits
        return UInt32(clamping: 0x2_0000 - narrowness)
    }

    /// NEWPOLICY, which fails if there is one, or UPDPOLICY, which replaces it: `struct xfrm_userpolicy_info`.
    func request(_ type: XFRMMessageType) -> NetlinkRequest {
        let request = NetlinkRequest(type)
        self.selector.append(to: request)
        for _ in 0..<4 { request.append(native: XFRMNumber.unlimited) }  // bytes and packets
        request.appendZeros(32 + 32)  // times, counters
        request.append(native: self.priority)
        request.append(native: UInt32(0))  // index: the kernel's to choose
        request.append(bytes: [self.direction.rawValue, 0, 0, 0])  // action allow, flags, share any
        request.appendZeros(4)
        request.attribute(.template) { self.template.append(to: $0) }
        return request
    }

    /// DELPOLICY: `struct xfrm_userpolicy_id`.
    func deletion() -> NetlinkRequest {
        let request = NetlinkRequest(.deletePolicy)
        self.selector.append(to: request)
        request.append(native: UInt32(0))
        request.append(bytes: [self.direction.rawValue])
        request.appendZeros(3)
        return request
    }

    /// Reads the payload of a NEWPOLICY message; nil for policies that cannot be ours: those of sockets, and
    /// those without a template.
    init?(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(payload)
        let selector = try KernelSelector.read(&reader)
        _ = try reader.bytes(64 + 32, "lft")
        self.priority = try reader.native("priority")
        _ = try reader.bytes(4, "index")
        let direction = Direction(rawValue: try reader.native("dir"))
        _ = try reader.bytes(7, "action")
        let attributes = try NetlinkAttributes(reader.rest)
        guard let selector, let direction, let template = attributes[.template] else { return nil }
        self.selector = selector
        self.direction = direction
        self.template = try Template(template)
    }
}

extension KernelPolicy.Template {
    /// 64 bytes: identifier 24, family 2, padding 2, source 16, reqid 4, mode, share, optional, padding, and
    /// three masks of algorithms.
    fileprivate func append(to request: NetlinkRequest) {
        request.append(address: self.destination)
        request.appendZeros(4)  // any SPI
        request.append(bytes: [XFRMNumber.esp, 0, 0, 0])
        request.append(native: self.destination.family.systemNumber)
        request.appendZeros(2)
        request.append(address: self.source)
        request.append(native: self.reqid)
        request.append(bytes: [XFRMNumber.tunnelMode, 0, 0, 0])
        for _ in 0..<3 { request.append(native: UInt32.max) }
    }

    /// Reads the first template of XFRMA_TMPL.
    init(_ bytes: ArraySlice<UInt8>) throws(MalformedMessage) {
        var reader = KernelReader(bytes)
        let destination = try reader.address("tmpl.daddr")
        _ = try reader.bytes(8, "tmpl.id")
        guard let family = AddressFamily(systemNumber: try reader.native("tmpl.family")) else {
            throw MalformedMessage(field: "tmpl.family")
        }
        _ = try reader.bytes(2, "tmpl")
        let source = try reader.address("tmpl.saddr")
        self.reqid = try reader.native("tmpl.reqid")
        _ = try reader.bytes(16, "tmpl.mode")
        self.destination = try IPAddress(destination, family: family, "tmpl.daddr")
        self.source = try IPAddress(source, family: family, "tmpl.saddr")
    }
}
