internal import IPsecModel

/// CREATE_CHILD_SA exchanges that an IKE_SA is to begin, one after the other.
struct ExchangeAgenda {
    /// What is to be done.
    enum Item: Hashable {
        /// New keys for the IKE_SA (RFC 7296 §1.3.2).
        case rekeyIKESA
        /// Another CHILD_SA in place of the one with this inbound SPI (RFC 7296 §1.3.3).
        case rekeyChild(ESPSPI)
        /// A CHILD_SA of this configuration (RFC 7296 §1.3.1), perhaps because of a packet.
        case createChild(String, PacketSelectors?)
        /// A CHILD_SA of this configuration with these selectors, which an older IKE_SA has (RFC 7296 §2.8.3).
        case recreateChild(String, SelectorNarrowing.Result)
        /// A CHILD_SA in place of the one with this inbound SPI, which the peer does not have any more.
        case supersedeChild(ESPSPI)
    }

    /// What is to be done, in this order; each once.
    private(set) var items: [Item] = []

    /// What comes next.
    var first: Item? { self.items.first }

    /// Puts `item` at the end, unless it is there. What can be in it is bounded by CHILD_SAs and configuration.
    mutating func add(_ item: Item) {
        if case .createChild(let name, _) = item, self.creates(child: name) { return }
        guard !self.items.contains(item) else { return }
        self.items.append(item)
    }

    /// It is begun, or need not be done.
    mutating func remove(_ item: Item) { self.items.removeAll { $0 == item } }

    /// True if a CHILD_SA of this configuration is still to be created.
    func creates(child name: String) -> Bool {
        self.items.contains { $0.isCreation(of: name) }
    }

    /// No CHILD_SA of this configuration is to be created any more; false if none was.
    mutating func removeCreation(ofChild name: String) -> Bool {
        guard self.creates(child: name) else { return false }
        self.items.removeAll { $0.isCreation(of: name) }
        return true
    }

    /// True if any is.
    var hasChildrenToCreate: Bool { self.items.contains { $0.createdChild != nil } }
}

extension ExchangeAgenda.Item {
    /// The name of the CHILD_SA that is made beside those that there are; nil if none is.
    fileprivate var createdChild: String? {
        switch self {
        case .createChild(let name, _), .recreateChild(let name, _): return name
        case .rekeyIKESA, .rekeyChild, .supersedeChild: return nil
        }
    }

    fileprivate func isCreation(of name: String) -> Bool { self.createdChild == name }
}
