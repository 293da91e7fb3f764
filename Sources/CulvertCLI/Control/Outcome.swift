internal import ArgumentParser
internal import LinuxIO

/// What a command leaves behind.
struct Outcome: Hashable, Sendable {
    /// What goes to standard output.
    var output = ""
    /// What goes to standard error, without the program's name; nil if there is nothing to complain about.
    var complaint: String?
    /// The exit status.
    var status = ExitStatus.good

    /// Writes both texts; throws the exit status unless it is 0.
    func finish() throws {
        print(self.output, terminator: "")
        if let complaint = self.complaint { StandardError.write("culvert: \(complaint)\n") }
        guard self.status == .good else { throw ExitCode(self.status.rawValue) }
    }
}

/// The exit statuses of `culvert`; a wrong command line has sysexits.h's 64.
enum ExitStatus: Int32, Hashable, Sendable {
    /// Done; for `status`, all peers are up.
    case good = 0
    /// Refused, or something is wrong; for `status`, a peer or a child is not up.
    case bad = 1
    /// The daemon cannot be asked.
    case unreachable = 2
}
