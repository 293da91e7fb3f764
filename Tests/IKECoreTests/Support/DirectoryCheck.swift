import IPsecModel
import Testing

@testable import IKECore

extension IKEEngine {
    /// Every IKE_SA is found in the directory's indexes by what it is now, and they hold nothing else.
    func expectConsistentDirectory(_ location: SourceLocation = #_sourceLocation) {
        let directory = self.context.directory
        let established = directory.all.filter { $0.established != nil }
        for ikeSA in established {
            let found = ikeSA.established.map {
                directory.established(between: $0.localIdentity, and: $0.peerIdentity)
            }
            #expect(found?.contains { $0 === ikeSA } == true, sourceLocation: location)
            let ofConnection = directory.established(of: ikeSA.connection.name)
            #expect(ofConnection.contains { $0 === ikeSA }, sourceLocation: location)
        }
        let standing = directory.all.flatMap { ikeSA in
            ikeSA.children.filter { $0.state != .deleting }.map { (ikeSA: ikeSA, spec: $0.spec) }
        }
        for (ikeSA, spec) in standing {
            #expect(directory.owner(ofChild: spec.inboundSPI) === ikeSA, sourceLocation: location)
            let owners = directory.owners(ofOutbound: spec.outboundSPI)
            #expect(owners.contains { $0 === ikeSA }, sourceLocation: location)
        }
        let outbound = directory.byOutboundSPI.values.flatMap(\.all)
        #expect(outbound.count == standing.count, sourceLocation: location)
        let byIdentities = directory.index.byIdentities.values.flatMap(\.all)
        let byConnection = directory.index.byConnection.values.flatMap(\.all)
        let spis = established.map(\.localSPI.number).sorted()
        #expect(byIdentities.map(\.number).sorted() == spis, sourceLocation: location)
        #expect(byConnection.map(\.number).sorted() == spis, sourceLocation: location)
        let others = directory.all.filter { $0.established == nil }.map(\.localSPI)
        #expect(directory.others == Set(others), sourceLocation: location)
        let successors = directory.all.compactMap(\.requestedSuccessor?.spi)
        #expect(directory.successorSPIs == Set(successors), sourceLocation: location)
        #expect(successors.count == directory.successorSPIs.count, sourceLocation: location)
    }
}

extension IKEEngine {
    /// The keeper finds every connection by what is being done about it, and nothing else.
    func expectConsistentKeeper(_ location: SourceLocation = #_sourceLocation) {
        var names: [IKESPI: String] = [:]
        var searches: [UInt64: String] = [:]
        for (name, entry) in self.keeper.entries {
            switch entry.state {
            case .searching(let searchID): searches[searchID] = name
            case .attempting(let spi), .standing(let spi): names[spi] = name
            case .resting, .waiting: break
            }
        }
        #expect(self.keeper.names == names && self.keeper.searches == searches, sourceLocation: location)
    }
}
