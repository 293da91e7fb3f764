/// What several things with one key have. Mostly it is one, which then needs no memory of its own.
enum Group<Member: Hashable> {
    case none
    case one(Member)
    case several(Set<Member>)

    /// True if there is nothing in it.
    var isEmpty: Bool {
        switch self {
        case .none: return true
        case .one: return false
        case .several(let members): return members.isEmpty
        }
    }

    /// All that is in it, in no order.
    var all: [Member] {
        switch self {
        case .none: return []
        case .one(let member): return [member]
        case .several(let members): return Array(members)
        }
    }

    /// Takes in `member`, unless it is there.
    mutating func insert(_ member: Member) {
        switch self {
        case .none: self = .one(member)
        case .one(let first): if first != member { self = .several([first, member]) }
        case .several(var members):
            // Not in two places at once, or the set would be copied.
            self = .none
            members.insert(member)
            self = .several(members)
        }
    }

    /// Lets go of `member`, if it is there.
    mutating func remove(_ member: Member) {
        switch self {
        case .none: return
        case .one(let only): if only == member { self = .none }
        case .several(var members):
            self = .none
            members.remove(member)
            self = .several(members)
        }
    }
}

extension Dictionary {
    /// One more has this key.
    mutating func insert<Member>(_ member: Member, _ key: Key) where Value == Group<Member> {
        self[key, default: .none].insert(member)
    }

    /// One less has it; a key that nobody has goes.
    mutating func remove<Member>(_ member: Member, _ key: Key) where Value == Group<Member> {
        guard let index = self.index(forKey: key) else { return }
        self.values[index].remove(member)
        if self.values[index].isEmpty { self.remove(at: index) }
    }
}
