/// The one of `names` that `word` was probably meant to be, or nil if none is close.
///
/// Close is one slip in a short word, two in a longer one, three from twelve letters on; a slip is a letter too
/// many, missing, wrong or swapped with its neighbour.
func nearest(_ word: String, among names: some Sequence<String>) -> String? {
    let word = Array(word.lowercased().utf8)
    guard (2...64).contains(word.count) else { return nil }
    let allowed = word.count >= 12 ? 3 : word.count >= 5 ? 2 : 1
    var best: (name: String, distance: Int)?
    for name in names where abs(name.utf8.count - word.count) <= allowed {
        let distance = editDistance(word, Array(name.utf8))
        if distance <= allowed, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
}

/// The number of slips between two words (optimal string alignment).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for i in left.indices {
        var current = [i + 1]
        for j in right.indices {
            let isEqual = left[i] == right[j]
            var cost = min(previous[j] + (isEqual ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                cost = min(cost, beforePrevious[j - 1] + 1)
            }
            current.append(cost)
        }
        beforePrevious = previous
        previous = current
    }
    return previous[right.count]
}
