internal import CLinux
package import IPsecModel
internal import LinuxIO

/// One request to the kernel, as bytes. It may hold keys, so its bytes are wiped when it goes.
package final class NetlinkRequest {
    /// What `nlmsg_flags` may say (linux/netlink.h).
    package struct Flags: OptionSet {
        package let rawValue: UInt16

        /// The flags with these bits.
        package init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// Each request has it.
        package static let request = Flags(rawValue: 1)
        /// Answer in any case, also if all is well.
        package static let acknowledge = Flags(rawValue: 4)
        /// Answer with everything there is.
        package static let dump = Flags(rawValue: 0x300)
        /// Take the place of what is there.
        package static let replace = Flags(rawValue: 0x100)
        /// Fail if it is there.
        package static let exclusive = Flags(rawValue: 0x200)
        /// Make it if it is not there.
        package static let create = Flags(rawValue: 0x400)
    }

    /// What is asked.
    package let type: any NetlinkMessageType
    /// The message, header included; the header's length is right at any time.
    package private(set) var bytes: [UInt8] = []

    /// Enough for any request of ours (about 1,100 bytes with the largest replay window), so that the array
    /// never moves and leaves no copy of a key behind.
    private static let capacity = 2_048

    /// A request with an empty payload.
    package init(type: any NetlinkMessageType, flags: Flags = .acknowledge) {
        self.type = type
        self.bytes.reserveCapacity(Self.capacity)
        self.append(native: UInt32(NetlinkMessage.headerLength))
        self.append(native: type.rawValue)
        self.append(native: flags.union(.request).rawValue)
        self.append(native: UInt32(0))  // nlmsg_seq: see `stamp`
        self.append(native: UInt32(0))  // nlmsg_pid
    }

    deinit {
        // SAFETY: nobody else refers to the array any more; the count is its own.
        unsafe self.bytes.withUnsafeMutableBytes { unsafe lx_wipe($0.baseAddress, $0.count) }
    }

    /// Stamps the header with the number that the answer will repeat, and with the sender's port ID.
    package func stamp(sequence: UInt32, portID: UInt32) {
        self.overwrite(8, sequence)
        self.overwrite(12, portID)
    }

    /// Appends a number in the machine's byte order, as most of the kernel's fields are.
    package func append(native number: some FixedWidthInteger & UnsignedInteger) {
        self.bytes.appendNative(number)
        self.overwrite(0, UInt32(truncatingIfNeeded: self.bytes.count))
    }

    /// Appends a 16-bit number in network byte order: ports and their masks.
    package func append(bigEndian number: UInt16) {
        self.append(bytes: [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)])
    }

    /// Appends bytes as they are.
    package func append(bytes: some Collection<UInt8>) {
        self.bytes.append(contentsOf: bytes)
        self.overwrite(0, UInt32(truncatingIfNeeded: self.bytes.count))
    }

    /// Appends `count` zero bytes.
    package func appendZeros(_ count: Int) {
        self.append(bytes: repeatElement(0, count: count))
    }

    /// Appends key material, byte by byte, without a copy anywhere else.
    package func append(secret: SecretBytes) {
        secret.withBytes { span in
            for index in 0..<span.count { self.bytes.append(span[index]) }
        }
        self.overwrite(0, UInt32(truncatingIfNeeded: self.bytes.count))
    }

    /// Appends an attribute whose content `fill` appends; the length is written afterwards, and the end padded.
    package func attribute(number: UInt16, _ fill: (NetlinkRequest) -> Void) {
        let start = self.bytes.count
        self.append(native: UInt16(0))
        self.append(native: number)
        fill(self)
        // Ours are far below 64 KiB: see `capacity`.
        self.overwrite(start, UInt16(truncatingIfNeeded: self.bytes.count - start))
        self.appendZeros((4 - self.bytes.count % 4) % 4)
    }

    private func overwrite(_ offset: Int, _ number: some FixedWidthInteger & UnsignedInteger) {
        var native: [UInt8] = []
        native.appendNative(number)
        for (index, byte) in native.enumerated() where offset + index < self.bytes.count {
            self.bytes[offset + index] = byte
        }
    }
}
