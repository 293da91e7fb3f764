internal import LinuxIO
internal import Synchronization

/// Hands a registration to the callback that was registered before the registration was known.
final class RegistrationBox: Sendable {
    private let storage = Mutex<DescriptorPoller.Registration?>(nil)

    /// The registration, once it is known.
    var value: DescriptorPoller.Registration? { self.storage.withLock { $0 } }

    /// The registration is known.
    func set(_ registration: DescriptorPoller.Registration) {
        self.storage.withLock { $0 = registration }
    }
}
