internal import IPsecModel

/// One change of the kernel's tables, which can be taken back.
enum TunnelStep: Hashable {
    /// The interface gets the address.
    case add(IPAddress)
    /// Packets from this address are led past our table.
    case keepOutside(IPAddress)
    /// The route of a prefix changes from one target to another; nil is no route.
    case route(IPPrefix, from: Route.Target?, to: Route.Target?)
    /// Packets from this address look into our table again.
    case letInside(IPAddress)
    /// Answers to IKE and ESP at this address are led past our table.
    case admitOuter(IPAddress)
    /// They are no more.
    case refuseOuter(IPAddress)
    /// The interface loses the address.
    case remove(IPAddress)

    /// What takes the step back.
    var inverse: TunnelStep {
        switch self {
        case .add(let address): return .remove(address)
        case .keepOutside(let address): return .letInside(address)
        case .route(let prefix, let old, let new): return .route(prefix, from: new, to: old)
        case .letInside(let address): return .keepOutside(address)
        case .admitOuter(let address): return .refuseOuter(address)
        case .refuseOuter(let address): return .admitOuter(address)
        case .remove(let address): return .add(address)
        }
    }

    /// The place in the order of steps, so that at no time a packet is routed into the tunnel that should not be: the
    /// exceptions come before the routes and go after them. An address is there as long as a route names it.
    var rank: Int {
        switch self {
        case .add: return 0
        case .keepOutside, .admitOuter: return 1
        case .route(_, _, .throw?): return 1
        case .route(_, _, .interface?): return 2
        case .route(_, .interface?, nil): return 3
        case .route(_, _, nil): return 4
        case .letInside, .refuseOuter: return 4
        case .remove: return 5
        }
    }
}
