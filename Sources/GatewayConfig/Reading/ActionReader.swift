internal import IPsecModel

/// Reads `start_action`, `close_action` and `dpd_action` of a child: what is done without a request of the peer.
enum ActionReader {
    /// Reads all three into `child`, whose selectors are there already.
    static func read(_ reader: SectionReader, into child: inout ChildConfiguration) {
        child.startAction = self.action(reader, "start_action", Self.startWords) ?? .none
        child.closeAction = self.action(reader, "close_action", Self.startWords)
        child.livenessAction = self.action(reader, "dpd_action", Self.livenessWords)
        self.checkTraps(child, reader)
    }

    /// The first action of `child` that needs an address to call, as it is written; nil if there is none.
    static func call(_ child: ChildConfiguration) -> String? {
        self.actions(child).first.map { key, action in "\(key) = \(action.rawValue)" }
    }

    /// What is done for `child`, with the keys that say so.
    private static func actions(_ child: ChildConfiguration) -> [(key: String, action: ChildAction)] {
        [
            ("start_action", child.startAction), ("close_action", child.closeAction),
            ("dpd_action", child.livenessAction),
        ].compactMap { key, action in
            action.flatMap { $0 == ChildAction.none ? nil : (key, $0) }
        }
    }

    /// What stands for what. A child that starts has a trap as well.
    private static let startWords: [(word: String, action: ChildAction)] = [
        ("none", .none), ("trap", .trap), ("start", .start), ("trap|start", .start), ("start|trap", .start),
    ]
    /// The same with swanctl's older words.
    private static let livenessWords = Self.startWords + [("clear", .none), ("restart", .start)]

    private static func action(
        _ reader: SectionReader, _ key: String, _ words: [(word: String, action: ChildAction)]
    ) -> ChildAction? {
        let word = reader.read(key) { value throws(ValueFault) in
            try Scalar.choice(value, of: words.map(\.word))
        }
        return words.first { $0.word == word }?.action
    }

    /// A policy needs to know its packets before the tunnel stands.
    private static func checkTraps(_ child: ChildConfiguration, _ reader: SectionReader) {
        for (key, selectors) in [("local_ts", child.localSelectors), ("remote_ts", child.remoteSelectors)]
        where selectors.contains(where: \.isDynamic) {
            let actions = self.actions(child)
            if let trap = actions.first(where: { $0.action == .trap }) {
                reader.error(
                    reader.value(trap.key)?.span ?? reader.place,
                    "a trap must know its packets before the tunnel stands: name the addresses of \(key)")
                return
            }
            guard let first = actions.first else { return }
            reader.warning(
                reader.value(first.key)?.span ?? reader.place,
                "while it is down, packets of this child leave in clear: \(key) does not name their addresses"
            )
            return
        }
    }
}

extension ConfiguredSelector {
    fileprivate var isDynamic: Bool {
        switch self {
        case .dynamic: return true
        case .fixed: return false
        }
    }
}
