internal import CLinux
package import IPsecModel

extension Host {
    /// The moment that it is, on a clock that nobody sets.
    package static var now: Instant { Instant(nanoseconds: lx_monotonic_nanoseconds()) }
}
