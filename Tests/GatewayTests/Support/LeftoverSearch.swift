import Foundation
import IPsecModel

/// Looks for copies of a secret in this process's memory, without having one itself.
struct LeftoverSearch {
    /// The end of the secret, changed so that it is not found here. The beginning is of no use: in memory that is free the
    /// allocator writes over it.
    private let masked: [UInt8]

    private static let mask: UInt8 = 0x5a
    private static let count = 16
    private static let step = 1 << 20

    /// A search for the last 16 bytes of `secret`.
    init(for secret: SecretBytes) {
        self.masked = secret.withBytes { bytes in
            (bytes.count - Self.count..<bytes.count).map { bytes[$0] ^ Self.mask }
        }
    }

    /// How many copies there are in memory that can be written to.
    func occurrences() throws -> Int {
        let memory = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/mem"))
        let maps = try String(contentsOf: URL(filePath: "/proc/self/maps"), encoding: .utf8)
        return maps.split(separator: "\n").compactMap(Self.region).reduce(0) { total, region in
            total + self.occurrences(in: region, of: memory)
        }
    }

    /// The addresses of a line such as `7f00-7f10 rw-p …`; nil if nothing of ours can be there. What a sanitizer maps for its
    /// own use is as large as all of memory.
    private static func region(_ line: Substring) -> Range<UInt64>? {
        let fields = line.split(separator: " ")
        guard fields.count > 1, fields[1].hasPrefix("rw") else { return nil }
        let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
        guard ends.count == 2, ends[0] < ends[1], ends[1] - ends[0] < 1 << 29 else { return nil }
        return ends[0]..<ends[1]
    }

    private func occurrences(in region: Range<UInt64>, of memory: FileHandle) -> Int {
        let needle = Data(self.masked.prefix(3).map { $0 ^ Self.mask })
        var found = 0
        for start in stride(from: region.lowerBound, to: region.upperBound, by: Self.step) {
            // It may be gone by now. Pieces overlap, lest one end within a copy.
            guard (try? memory.seek(toOffset: start)) != nil,
                let piece = try? memory.read(upToCount: Self.step + Self.count - 1)
            else { continue }
            var rest = piece[...]
            while let hit = rest.range(of: needle) {
                let candidate = rest[hit.lowerBound...].prefix(Self.count)
                if candidate.map({ $0 ^ Self.mask }) == self.masked { found += 1 }
                rest = rest[hit.upperBound...]
            }
        }
        return found
    }
}
