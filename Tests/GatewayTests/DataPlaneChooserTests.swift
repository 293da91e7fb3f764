import IPsecModel
import LinuxIO
import Testing

@testable import Gateway

/// Which engine carries ESP, and why.
@Suite struct DataPlaneChooserTests {
    private static let refusal = KernelFault(
        operation: "NEWSA", object: "probe", errno: Errno.protocolNotSupported,
        text: "the kernel has no ESP: load its modules (modprobe -a esp4 esp6), or run a kernel that has them"
    )

    private func choose(
        _ choice: DataPlaneChoice, _ answer: Result<Void, KernelFault>, _ log: RecordedLog = RecordedLog()
    ) throws -> DataPlaneChooser.Choice {
        var configuration = GatewayConfiguration()
        configuration.dataPlane = choice
        return try DataPlaneChooser(log: log.log(), configuration: configuration).choose { answer }
    }

    @Test func `auto takes the kernel if it has ESP`() throws {
        #expect(try self.choose(.auto, .success(())) == .kernel(reason: "the kernel has ESP"))
    }

    @Test func `auto takes our own engine if the kernel refuses an ESP state, and the log has the refusal`()
        throws
    {
        let log = RecordedLog()
        let choice = try self.choose(.auto, .failure(Self.refusal), log)
        #expect(choice == .userspace(reason: "the kernel has no ESP"))
        #expect(!choice.isKernel)
        #expect(log.says("debug", "NEWSA probe"))
    }

    @Test func `userspace does not ask the kernel`() throws {
        var configuration = GatewayConfiguration()
        configuration.dataPlane = .userspace
        let chooser = DataPlaneChooser(log: RecordedLog().log(), configuration: configuration)
        let choice = try chooser.choose {
            Issue.record("the kernel was asked")
            return .success(())
        }
        #expect(choice == .userspace(reason: "the configuration asks for it"))
    }

    @Test func `a data plane that was given is used as it is`() {
        let plane = FakeDataPlane()
        let chosen = ChosenDataPlane(engine: .given(plane), reason: "a test")
        #expect(chosen.plane === plane)
        #expect(chosen.mark == 0)
        #expect(!chosen.requiresEncapsulation)
    }

    @Test func `kernel without ESP is an error that says what to do`() throws {
        let error = #expect(throws: StartupError.self) { try self.choose(.kernel, .failure(Self.refusal)) }
        #expect(error?.description == "cannot program the kernel: \(Self.refusal.text)")
        #expect(try self.choose(.kernel, .success(())).isKernel)
    }
}
