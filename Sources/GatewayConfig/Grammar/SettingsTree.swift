/// `key = value`. An empty value stands for "as if the key were not there".
struct Setting {
    /// The key.
    let key: LocatedText
    /// The value; without bytes if nothing stands behind the equals sign.
    let value: LocatedText
}

/// The absolute name of a section that another inherits from, such as `connections.hq`.
struct SectionReference {
    /// The names from the top down.
    let path: [String]
    /// Where it stands.
    let span: SourceSpan
}

/// One section as the files define it, without what it inherits.
struct SectionNode {
    /// Where its name stands, once for each time it is opened.
    fileprivate(set) var definitions: [LocatedText]
    /// The section that it is in; the root is in itself.
    let parent: Int
    /// Its settings in the order of their keys' first appearance.
    fileprivate(set) var settings: [Setting] = []
    /// The sections that it inherits from, the closest first.
    fileprivate(set) var references: [SectionReference] = []
    /// Its sections' names, in order.
    fileprivate(set) var sectionNames: [String] = []
    fileprivate var settingIndex: [String: Int] = [:]
    fileprivate var sectionIndex: [String: Int] = [:]

    /// The name that its first definition gives.
    var name: LocatedText? { self.definitions.first }

    /// The node of the section `name` in this one.
    func section(_ name: String) -> Int? { self.sectionIndex[name] }
}

/// All sections and settings of a file and the files it includes, merged by name.
struct SettingsTree {
    /// The node that holds everything else.
    static let root = 0
    private(set) var nodes = [SectionNode(definitions: [], parent: root)]

    /// Opens the section `name` in `parent`: a new one, or the one that is already there.
    mutating func open(_ name: LocatedText, in parent: Int) -> Int {
        let text = name.string
        if let node = self.nodes[parent].sectionIndex[text] {
            self.nodes[node].definitions.append(name)
            return node
        }
        let node = self.nodes.count
        self.nodes.append(SectionNode(definitions: [name], parent: parent))
        self.nodes[parent].sectionIndex[text] = node
        self.nodes[parent].sectionNames.append(text)
        return node
    }

    /// Sets a key of `node`; a later value takes the place of an earlier one, which is the result.
    mutating func set(_ setting: Setting, in node: Int) -> Setting? {
        let key = setting.key.string
        guard let index = self.nodes[node].settingIndex[key] else {
            self.nodes[node].settingIndex[key] = self.nodes[node].settings.count
            self.nodes[node].settings.append(setting)
            return nil
        }
        let previous = self.nodes[node].settings[index]
        self.nodes[node].settings[index] = setting
        return previous
    }

    /// Makes `node` inherit from a further section.
    mutating func inherit(_ reference: SectionReference, in node: Int) {
        self.nodes[node].references.append(reference)
    }
}
