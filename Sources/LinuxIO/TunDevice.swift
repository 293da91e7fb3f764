internal import CLinux
internal import Glibc
package import IPsecModel

/// A TUN device: what the kernel routes into it we read, and what we write arrives as if from a wire.
///
/// It is nonblocking, but for `WakeSignal.beginBlockingReads`, and lives as long as this object. Reading and writing may happen on different threads.
package final class TunDevice: Sendable {
    /// What the device is called, such as `culvert0`.
    package let name: String
    /// Its interface index in the network namespace where it was made.
    package let index: UInt32
    /// What the kernel and we leave to each other.
    package let offloads: Offloads
    /// One sentence for each offload that there is not.
    package let missing: [String]
    private let descriptor: OwnedDescriptor

    /// How many pieces one packet can have.
    package static let maximumPieces = Int(LX_MAXIMUM_PIECES)

    /// Makes a device, which is down and has no addresses yet.
    ///
    /// - Parameters:
    ///   - pattern: its name, up to 15 bytes; `%d` becomes the first number that is free.
    ///   - allowed: which offloads to try; the kernel may have fewer.
    ///   - path: where the driver is; for tests.
    /// - Throws: `IOFault` with what an operator can do about it.
    package init(
        name pattern: String, allowing allowed: Offloads = .all, path: String = "/dev/net/tun"
    ) throws(IOFault) {
        do throws(IOFault) {
            // SAFETY: the path is lent for the call and ends with a zero.
            let opened = try systemCall("open", path) { unsafe lx_tun_open(path) }
            self.descriptor = OwnedDescriptor(owning: opened)
            (self.name, self.offloads) = try self.descriptor.withDescriptor { fd throws(IOFault) in
                try Self.configure(fd, pattern, allowed)
            }
        } catch {
            throw Self.explained(error)
        }
        // SAFETY: the name is lent for the call and ends with a zero.
        self.index = unsafe if_nametoindex(self.name)
        self.missing = self.offloads.missingSentences(allowed: allowed)
    }

    /// Reads one packet into `range` of `memory`, with its packet header before it if `offloads` has `.header`.
    ///
    /// With an offload a packet has up to 65,535 bytes behind its header; what does not fit is lost.
    ///
    /// - Returns: how many bytes, or −errno: EAGAIN if there is no packet, EINVAL if the range is not in the memory.
    package func read(into memory: inout MutableSpan<UInt8>, _ range: Range<Int>) -> Int {
        guard range.lowerBound >= 0, range.upperBound <= memory.count, !range.isEmpty else {
            return -Int(Errno.invalid)
        }
        return self.descriptor.withDescriptor { fd in
            // SAFETY: the memory is ours alone during the call, and the range lies within it.
            unsafe memory.withUnsafeMutableBytes { bytes in
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[range])
                return untilUninterrupted { unsafe lx_read(fd, part.baseAddress, part.count) }
            }
        }
    }

    /// Writes one packet that consists of `pieces` of `memory`, the packet header first if `offloads` has `.header`.
    ///
    /// - Returns: how many bytes, or −errno: EIO if the device is down, EINVAL for a packet that the kernel does not
    ///   take, for more pieces than `maximumPieces`, and for one that leaves the memory.
    package func write(_ memory: Span<UInt8>, _ pieces: Span<PacketPiece>) -> Int {
        guard pieces.count <= Self.maximumPieces else { return -Int(Errno.invalid) }
        for index in pieces.indices {
            let piece = pieces[index]
            guard piece.offset >= 0, piece.count >= 0,
                Int(piece.offset) + Int(piece.count) <= memory.count
            else { return -Int(Errno.invalid) }
        }
        return self.descriptor.withDescriptor { fd in
            // SAFETY: the callee reads the pieces and what they span, which lies within the memory, during the call.
            // `PacketPiece` is two 32-bit numbers in the order of `lx_piece`; a test checks that.
            unsafe memory.withUnsafeBytes { bytes in
                unsafe pieces.withUnsafeBytes { pieces in
                    let list = unsafe pieces.assumingMemoryBound(to: lx_piece.self)
                    return untilUninterrupted {
                        unsafe lx_write_pieces(fd, bytes.baseAddress, list.baseAddress, Int32(list.count))
                    }
                }
            }
        }
    }

    /// Lends the descriptor's number, to wait for packets with.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (Int32) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try self.descriptor.withDescriptor(body)
    }
}

/// Runs a call that returns a count or −errno until no signal interrupts it; for the packet path, which throws nothing.
func untilUninterrupted(_ body: () -> Int) -> Int {
    while true {
        let result = body()
        if result != -Int(Errno.interrupted) { return result }
    }
}
