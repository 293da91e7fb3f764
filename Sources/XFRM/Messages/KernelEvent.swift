internal import IPsecModel
internal import LinuxIO
internal import Netlink

/// Notifications of the kernel, read.
enum KernelEvent {
    /// What `message` says to the gateway, or nil if that is nothing.
    ///
    /// `ownPortID` is the one that our requests carry: what we did ourselves is no news.
    static func decode(
        _ message: NetlinkMessage, ownPortID: UInt32
    ) throws(MalformedMessage) -> DataPlaneEvent? {
        switch XFRMMessageType(rawValue: message.type) {
        case .mapping: return try Self.mapping(message.payload)
        case .expire: return try Self.expiry(message.payload)
        case .acquire: return try Self.acquisition(message.payload)
        case .deleteSA where message.portID != ownPortID: return try Self.deletion(message.payload)
        case .flushSA where message.portID != ownPortID: return .overflow
        default: return nil
        }
    }

    /// `struct xfrm_user_mapping`.
    private static func mapping(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) -> DataPlaneEvent {
        var reader = KernelReader(payload)
        let destination = try reader.address("id.daddr")
        let spi = try reader.spi("id.spi")
        guard let family = AddressFamily(systemNumber: try reader.native("id.family")) else {
            throw MalformedMessage(field: "id.family")
        }
        _ = try reader.bytes(2, "id.proto")
        let reqid = try reader.native("reqid", as: UInt32.self)
        let old = try IPAddress(try reader.address("old_saddr"), family: family, "old_saddr")
        let new = try IPAddress(try reader.address("new_saddr"), family: family, "new_saddr")
        let oldPort = try reader.port("old_sport")
        let newPort = try reader.port("new_sport")
        let identifier = SAIdentifier(
            spi: spi, destination: try IPAddress(destination, family: family, "daddr"))
        return .mappingChanged(
            identifier, reqid: reqid, from: Endpoint(old, oldPort), to: Endpoint(new, newPort))
    }

    /// `struct xfrm_user_expire`: the state, and 1 if it is gone. Half-made states (SPI 0) are of no interest.
    private static func expiry(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) -> DataPlaneEvent? {
        var reader = KernelReader(payload)
        let state = try StateSnapshot(try reader.bytes(StateSnapshot.length, "state"))
        let isHard = try reader.native("hard", as: UInt8.self) != 0
        guard state.ipProtocol == XFRMNumber.esp, state.identifier.spi.number != 0 else { return nil }
        return .expired(state.identifier, reqid: state.reqid, isHard: isHard)
    }

    /// Somebody else deleted a state: to us it is as gone as after its hard expiry.
    private static func deletion(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) -> DataPlaneEvent? {
        let state = try StateSnapshot(deletion: payload)
        guard state.ipProtocol == XFRMNumber.esp, state.identifier.spi.number != 0 else { return nil }
        return .expired(state.identifier, reqid: state.reqid, isHard: true)
    }

    /// `struct xfrm_user_acquire`: the selector of the packet at 40, and a template with the reqid at the end.
    private static func acquisition(_ payload: ArraySlice<UInt8>) throws(MalformedMessage) -> DataPlaneEvent?
    {
        var reader = KernelReader(payload)
        _ = try reader.bytes(24 + 16, "id")
        let selector = try KernelSelector.read(&reader)
        _ = try reader.bytes(168 + 16, "policy")
        let attributes = try NetlinkAttributes(reader.rest)
        guard let selector, let template = attributes[.template] else { return nil }
        let reqid = try KernelPolicy.Template(template).reqid
        return .acquire(
            reqid: reqid, local: selector.trafficSelector(ofSource: true),
            remote: selector.trafficSelector(ofSource: false))
    }
}
