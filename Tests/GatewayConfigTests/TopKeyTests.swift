internal import IPsecModel
internal import Testing

@testable internal import GatewayConfig

/// Culvert's own keys at the top of the file.
struct TopKeyTests {
    @Test func `without a word everything is as the model has it`() throws {
        let configuration = try configuration(site())
        #expect(configuration.dataPlane == .auto)
        #expect(configuration.limits == IKELimits())
        #expect(configuration.keepaliveInterval == .seconds(20))
        #expect(configuration.detectsCrashes)
    }

    @Test(arguments: [("yes", true), ("no", false)])
    func `crash detection can be switched off`(_ value: String, _ isOn: Bool) throws {
        #expect(try configuration(site(top: "crash_detection = \(value)")).detectsCrashes == isOn)
    }

    @Test(arguments: DataPlaneChoice.allCases)
    func `data planes have their names`(_ choice: DataPlaneChoice) throws {
        #expect(try configuration(site(top: "data_plane = \(choice.rawValue)")).dataPlane == choice)
    }

    @Test(arguments: [("keepalive = 45s", Duration.seconds(45)), ("keepalive = 0", nil)])
    func `keepalives have an interval or do not exist`(_ line: String, _ interval: Duration?) throws {
        #expect(try configuration(site(top: line)).keepaliveInterval == interval)
    }

    @Test func `limits reach the model`() throws {
        let top = """
            cookie_threshold = 0
            half_open_limit = 500
            half_open_per_address = 5
            half_open_timeout = 10s
            fragment_size = 1400
            """
        let configuration = try configuration(site(top: top))
        #expect(configuration.limits.cookieThreshold == 0)
        #expect(configuration.limits.halfOpenIKESAs == 500)
        #expect(configuration.limits.halfOpenIKESAsPerAddress == 5)
        #expect(configuration.limits.halfOpenLifetime == .seconds(10))
        #expect(configuration.connections.map(\.fragmentSize) == [1_400])
    }

    @Test func `retransmissions wait longer each time`() throws {
        let top = "retransmit_timeout = 2.5\nretransmit_base = 2\nretransmit_tries = 3"
        let waits = try configuration(site(top: top)).limits.retransmission
        #expect(waits == [.milliseconds(2_500), .seconds(5), .seconds(10), .seconds(20)])
    }

    @Test func `the limit bounds each wait`() throws {
        let waits = try configuration(site(top: "retransmit_limit = 10s")).limits.retransmission
        #expect(
            waits == [
                .seconds(4), .milliseconds(7_200), .seconds(10), .seconds(10), .seconds(10), .seconds(10),
            ])
    }

    @Test func `the jitter is a part of each wait, in per cent`() throws {
        let limits = try configuration(site(top: "retransmit_jitter = 15")).limits
        #expect(limits.retransmissionJitter == 0.15 && limits.retransmission == IKELimits().retransmission)
        #expect(try configuration(site()).limits.retransmissionJitter == 0)
    }

    @Test func `the built-in waits are those of the default keys`() throws {
        let waits = try configuration(site(top: "retransmit_timeout = 4.0")).limits.retransmission
        #expect(waits.count == IKELimits().retransmission.count)
        for (wait, builtIn) in zip(waits, IKELimits().retransmission) {
            #expect((wait - builtIn).components.seconds == 0)
            #expect(abs((wait - builtIn).components.attoseconds) < 1_000_000_000_000_000)
        }
    }

    @Test func `waits never pass an hour`() throws {
        let waits = try configuration(site(top: "retransmit_base = 10\nretransmit_tries = 20")).limits
            .retransmission
        #expect(waits.count == 21)
        #expect(waits.last == .seconds(3_600))
    }

    @Test(arguments: [
        (
            "data_plane = kernal",
            "14:14: error: 'kernal' is none of auto, kernel, userspace (did you mean 'kernel'?)"
        ),
        ("keepalive = 2h", "14:13: error: '2h' is out of range: 0s to 1h"),
        ("half_open_timeout = 0", "14:21: error: '0' is out of range: 1s to 10m"),
        ("half_open_limit = 0", "14:19: error: '0' is out of range: 1 to 1000000"),
        ("fragment_size = 100", "14:17: error: '100' is out of range: 576 to 65535"),
        ("retransmit_base = 0.5", "14:19: error: '0.5' is not a number from 1.0 to 10.0"),
        ("retransmit_tries = 21", "14:20: error: '21' is out of range: 0 to 20"),
        ("retransmit_jitter = 21", "14:21: error: '21' is out of range: 0 to 20"),
        (
            "cookie_threshold = 1000",
            "14:20: warning: cookie_threshold is not below half_open_limit, 1000: no cookie is ever asked for"
        ),
    ])
    func `what makes no sense is said at its place`(_ line: String, _ message: String) {
        #expect(findings(site(top: line)) == [message])
    }
}
