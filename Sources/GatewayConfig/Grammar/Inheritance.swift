/// A section as its readers see it: its own settings, then those that it inherits.
struct SectionView {
    /// The nodes that make it up; what an earlier one says goes before what a later one says.
    let layers: [Int]
}

/// Looks sections up in a tree and follows `section : other, another { … }`.
///
/// References are followed when a section is looked at, not when it is read, so that they may point to what
/// comes later or from other files (strongswan.conf(5), "REFERENCING OTHER SECTIONS").
final class Inheritance {
    private let tree: SettingsTree
    private let report: Report
    private var layersOfNode: [Int: [Int]] = [:]
    /// The nodes whose references are being followed, the outermost first.
    private var inProgress: [Int] = []
    private var partsLeft = GrammarLimits.partsRead

    init(tree: SettingsTree, report: Report) {
        self.tree = tree
        self.report = report
    }

    /// The section that holds everything else.
    var root: SectionView { SectionView(layers: [SettingsTree.root]) }

    /// The names with which references begin.
    var referencedNames: Set<String> {
        Set(self.tree.nodes.lazy.flatMap(\.references).compactMap(\.path.first))
    }

    /// The section `name` within `view`, or nil if neither it nor what it inherits has one.
    func section(_ name: String, in view: SectionView) -> SectionView? {
        var layers: [Int] = []
        for layer in view.layers {
            guard let node = self.tree.nodes[layer].section(name) else { continue }
            layers += self.layers(of: node)
        }
        return layers.isEmpty ? nil : SectionView(layers: self.distinct(layers))
    }

    /// The names of the sections within `view`, in order, the inherited last.
    func sectionNames(in view: SectionView) -> [String] {
        var seen: Set<String> = []
        var names: [String] = []
        for layer in view.layers {
            let more = self.tree.nodes[layer].sectionNames
            guard self.take(more.count, of: layer) else { return [] }
            names += more.filter { seen.insert($0).inserted }
        }
        return names
    }

    /// The settings of `view`, in order, the inherited last; those that are cleared are left out.
    func settings(in view: SectionView) -> [Setting] {
        var seen: Set<String> = []
        var settings: [Setting] = []
        for layer in view.layers {
            let more = self.tree.nodes[layer].settings
            guard self.take(more.count, of: layer) else { return [] }
            settings += more.filter { seen.insert($0.key.string).inserted }
        }
        return settings.filter { !$0.value.isEmpty }
    }

    /// Takes from what may be read in all; false, and an error, when that is used up.
    private func take(_ count: Int, of node: Int) -> Bool {
        self.partsLeft -= count
        guard self.partsLeft < 0 else { return true }
        let place = self.tree.nodes[node].name?.span ?? SourceSpan(file: 0, start: 0, end: 0)
        self.report.error(place, "sections inherit more than can be read")
        return false
    }

    /// Where the name of `view` stands, for findings about the section as a whole.
    func name(of view: SectionView) -> LocatedText? {
        view.layers.lazy.compactMap { self.tree.nodes[$0].name }.first
    }

    /// Where `view` is opened a second time in the file that opened it first, with the first place.
    func reopened(_ view: SectionView) -> (again: LocatedText, first: LocatedText)? {
        guard let layer = view.layers.first, let first = self.tree.nodes[layer].name else { return nil }
        let others = self.tree.nodes[layer].definitions.dropFirst()
        return others.first { $0.span.file == first.span.file }.map { ($0, first) }
    }

    /// `node` and all that it inherits from, each once, the closest first.
    private func layers(of node: Int) -> [Int] {
        if let known = self.layersOfNode[node] { return known }
        self.inProgress.append(node)
        var layers = [node]
        for reference in self.tree.nodes[node].references {
            guard self.inProgress.count <= GrammarLimits.referenceDepth else {
                self.report.error(reference.span, "sections inherit from one another too deeply")
                break
            }
            layers += self.target(of: reference, from: node)
            guard layers.count <= 4 * GrammarLimits.inheritedSections else { break }
        }
        self.inProgress.removeLast()
        layers = self.distinct(layers)
        if layers.count > GrammarLimits.inheritedSections, let name = self.tree.nodes[node].name {
            self.report.error(name.span, "\(name.quoted) inherits from too many sections")
            layers = [node]
        }
        self.layersOfNode[node] = layers
        return layers
    }

    /// The nodes that `reference` stands for; none, and an error, if there is no such section or it leads back.
    private func target(of reference: SectionReference, from node: Int) -> [Int] {
        var view = self.root
        let forbidden = Set(self.inProgress).union(self.surroundings(of: node))
        for name in reference.path {
            // Following the path may need the references of a section whose references are being followed.
            let nodes = view.layers.compactMap { self.tree.nodes[$0].section(name) }
            guard !nodes.contains(where: self.inProgress.contains) else { return self.loop(reference) }
            guard let inner = self.section(name, in: view) else {
                self.report.error(
                    reference.span, "there is no section '\(reference.path.joined(separator: "."))'")
                return []
            }
            view = inner
        }
        guard forbidden.isDisjoint(with: view.layers) else { return self.loop(reference) }
        return view.layers
    }

    private func loop(_ reference: SectionReference) -> [Int] {
        self.report.error(reference.span, "a section cannot inherit from itself or from one that it is in")
        return []
    }

    /// The sections around `node`.
    private func surroundings(of node: Int) -> [Int] {
        var nodes: [Int] = []
        var outer = self.tree.nodes[node].parent
        while outer != SettingsTree.root {
            nodes.append(outer)
            outer = self.tree.nodes[outer].parent
        }
        return nodes
    }

    private func distinct(_ nodes: [Int]) -> [Int] {
        var seen: Set<Int> = []
        return nodes.filter { seen.insert($0).inserted }
    }
}
