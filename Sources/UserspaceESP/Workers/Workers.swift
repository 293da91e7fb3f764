internal import LinuxIO
internal import Synchronization

/// The two threads of the packet path.
final class Workers: Sendable {
    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }

    private let stopping = Flag()
    private let wakes: [WakeSignal]
    private let threads: [LinuxThread]

    /// Starts them.
    init(
        _ surroundings: Surroundings, _ outbound: TableMailbox<OutboundTable>,
        _ inbound: TableMailbox<InboundTable>
    ) throws(IOFault) {
        let stopping = self.stopping
        self.wakes = [outbound.wake, inbound.wake]
        let sender = try LinuxThread(name: "culvert-out") {
            var worker = OutboundWorker(surroundings, outbound)
            worker.run { stopping.isSet.load(ordering: .acquiring) }
        }
        do throws(IOFault) {
            let receiver = try LinuxThread(name: "culvert-in") {
                var worker = InboundWorker(surroundings, inbound)
                worker.run { stopping.isSet.load(ordering: .acquiring) }
            }
            self.threads = [sender, receiver]
        } catch {
            stopping.isSet.store(true, ordering: .releasing)
            outbound.wake.signal()
            sender.join()
            throw error
        }
    }

    /// Ends them, and waits until they have.
    func stop() {
        self.stopping.isSet.store(true, ordering: .releasing)
        for wake in self.wakes { wake.signal() }
        for thread in self.threads { thread.join() }
    }
}
