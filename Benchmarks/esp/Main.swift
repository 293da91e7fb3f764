internal import ArgumentParser

@main struct ESPTunnel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "esp-tunnel",
        abstract: "Culvert's user-space ESP between two addresses, with fixed keys and no IKE.",
        discussion: """
            For measurements, and for tests against other implementations of ESP. Both ends may have the same keys and \
            SPIs, which is what they have without options. The keys are in the program: nothing is secret here.
            """)

    @OptionGroup var options: TunnelOptions

    func run() throws {
        try Tunnel(self.options).run()
    }
}
