internal import CLinux

/// The errno values that we tell apart.
package enum Errno {
    /// Operation not permitted.
    package static let notPermitted = Int32(LX_EPERM)
    /// No such policy.
    package static let noEntry = Int32(LX_ENOENT)
    /// No such state.
    package static let noProcess = Int32(LX_ESRCH)
    /// A signal came in between.
    package static let interrupted = Int32(LX_EINTR)
    /// The device failed; UDP segmentation says so where checksums are impossible.
    package static let inputOutput = Int32(LX_EIO)
    /// Nothing to read, or no room to write.
    package static let again = Int32(LX_EAGAIN)
    /// The kernel is out of memory.
    package static let outOfMemory = Int32(LX_ENOMEM)
    /// Permission denied.
    package static let accessDenied = Int32(LX_EACCES)
    /// Somebody else has it.
    package static let busy = Int32(LX_EBUSY)
    /// There is one already.
    package static let exists = Int32(LX_EEXIST)
    /// There is no such device, or no driver for it.
    package static let noDevice = Int32(LX_ENODEV)
    /// The kernel does not take this request.
    package static let invalid = Int32(LX_EINVAL)
    /// The kernel does not have the algorithm.
    package static let notImplemented = Int32(LX_ENOSYS)
    /// Longer than the path or the socket takes.
    package static let messageTooLong = Int32(LX_EMSGSIZE)
    /// The kernel does not have the socket option.
    package static let optionNotSupported = Int32(LX_ENOPROTOOPT)
    /// An address of the wrong family.
    package static let familyNotSupported = Int32(LX_EAFNOSUPPORT)
    /// The kernel does not have the protocol.
    package static let protocolNotSupported = Int32(LX_EPROTONOSUPPORT)
    /// The kernel does not have the operation.
    package static let operationNotSupported = Int32(LX_EOPNOTSUPP)
    /// Bytes that make no sense.
    package static let badMessage = Int32(LX_EBADMSG)
    /// The device behind the descriptor is gone.
    package static let badDescriptorState = Int32(LX_EBADFD)
    /// Somebody else has the port.
    package static let addressInUse = Int32(LX_EADDRINUSE)
    /// Not an address of this host.
    package static let addressNotAvailable = Int32(LX_EADDRNOTAVAIL)
    /// The kernel dropped something for want of buffer space.
    package static let noBufferSpace = Int32(LX_ENOBUFS)
    /// No answer came.
    package static let timedOut = Int32(LX_ETIMEDOUT)
}
