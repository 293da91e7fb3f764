/// Two providers in one: the second is asked for the suites that the first does not have.
package final class PreferredTransforms: ESPTransformProvider {
    private let preferred: any ESPTransformProvider
    private let other: any ESPTransformProvider

    /// `preferred` if it can, else `other`.
    package init(_ preferred: any ESPTransformProvider, otherwise other: any ESPTransformProvider) {
        self.preferred = preferred
        self.other = other
    }

    package var name: String { "\(self.preferred.name), else \(self.other.name)" }

    /// Only `.unavailable` makes it ask the other one: a wrong key is wrong for both.
    package func transform(
        _ suite: ESPSuite, keys: ESPKeys, _ direction: ESPDirection
    ) throws(CryptoFault) -> any ESPTransform {
        do {
            return try self.preferred.transform(suite, keys: keys, direction)
        } catch {
            guard case .unavailable = error else { throw error }
            return try self.other.transform(suite, keys: keys, direction)
        }
    }
}
