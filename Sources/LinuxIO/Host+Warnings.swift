extension Host {
    /// A setting of /proc/sys, the value that is bad for us, and what then happens.
    package typealias SettingCheck = (setting: String, bad: Int, effect: String)

    /// Settings with which a tunnel stands and hosts behind this gateway get nothing of it, one sentence each.
    package static func forwardingWarnings(_ read: (String) -> Int? = { Host.setting($0) }) -> [String] {
        self.warnings(
            [
                ("net/ipv4/ip_forward", 0, "hosts behind this gateway cannot reach the tunnel over IPv4"),
                (
                    "net/ipv6/conf/all/forwarding", 0,
                    "hosts behind this gateway cannot reach the tunnel over IPv6"
                ),
            ], read)
    }

    /// One sentence for each of `checks` whose setting is bad, with the values that `read` finds.
    package static func warnings(_ checks: [SettingCheck], _ read: (String) -> Int?) -> [String] {
        checks.compactMap { check in
            guard read(check.setting) == check.bad else { return nil }
            let name = check.setting.split(separator: "/").joined(separator: ".")
            return "\(name) is \(check.bad): \(check.effect)"
        }
    }
}
