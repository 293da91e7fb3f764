internal import ArgumentParser
internal import Glibc

@main struct IKELoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ike-load", abstract: "Sets up many IKE_SAs with one responder, and measures that.",
        discussion: """
            Each IKE_SA has an initiator of its own: Culvert's engine with an identity, an address of this host's and \
            traffic selectors of its own. Nothing carries ESP. One line with `key=value` pairs is printed for each step, \
            one for all of it, and one after the time that the SAs were held. The responder must not rekey IKE_SAs: \
            messages are told apart by the SPIs that they were begun with.

            Other source ports than those of IKE look like a NAT to both sides.
            """)

    @OptionGroup var options: LoadOptions

    func run() throws {
        let run = try LoadRun(self.options)
        let isComplete = try run.run()
        // What stands is not deleted: who measures ends the responder.
        guard isComplete else { throw ExitCode(2) }
    }
}
