internal import ControlCodec
internal import ControlProtocol
internal import Testing

/// Requests: what the daemon obeys, and what it refuses with which words.
struct RequestTests {
    static let requests: [(ControlRequest, String)] = [
        (.status, #"{"command":"status","schema":1}"#),
        (.listSAs, #"{"command":"sa-list","schema":1}"#),
        (.showSA(SAName(connection: "hq")), #"{"command":"sa-show","name":"hq","schema":1}"#),
        (.showSA(SAName(connection: "hq", id: 3)), #"{"command":"sa-show","name":"hq#3","schema":1}"#),
        (
            .terminate(SAName(connection: "hq"), child: nil),
            #"{"command":"terminate","name":"hq","schema":1}"#
        ),
        (
            .rekey(SAName(connection: "hq", id: 3), child: "net"),
            #"{"child":"net","command":"rekey","name":"hq#3","schema":1}"#
        ),
        (
            .initiate(connection: "hq", child: "net"),
            #"{"child":"net","command":"initiate","name":"hq","schema":1}"#
        ),
        (
            .terminate(SAName(connection: "hq", id: 3), child: "net"),
            #"{"child":"net","command":"terminate","name":"hq#3","schema":1}"#
        ),
        (.reload, #"{"command":"reload","schema":1}"#),
        (.version, #"{"command":"version","schema":1}"#),
    ]

    @Test(arguments: requests)
    func `a request is one line of the contract's JSON`(request: ControlRequest, json: String) {
        #expect(ControlCodec.line(request) == Array((json + "\n").utf8))
    }

    @Test(arguments: requests)
    func `a request is read back as it was`(request: ControlRequest, json: String) throws {
        #expect(try ControlCodec.request(Array(json.utf8)) == request)
    }

    @Test(arguments: [
        ("", ControlError.Code.badRequest, "the request is not understood: it is not valid JSON"),
        ("status", .badRequest, "the request is not understood: it is not valid JSON"),
        ("[]", .badRequest, "the request is not understood: it is no JSON object"),
        (
            #"{"command":"status"}"#, .badRequest,
            "the request is not understood: the field 'schema' is missing"
        ),
        (#"{"schema":1}"#, .badRequest, "the request is not understood: the field 'command' is missing"),
        (
            #"{"schema":"1","command":"status"}"#, .badRequest,
            "the request is not understood: the field 'schema' has the wrong type"
        ),
        (#"{"schema":1,"command":"fly"}"#, .unknownCommand, "there is no command 'fly'"),
        (
            #"{"schema":1,"command":"terminate"}"#, .badRequest,
            "the request is not understood: the field 'name' is missing"
        ),
        (
            #"{"schema":1,"command":"terminate","name":"hq#x"}"#, .badRequest,
            "'hq#x' is neither a connection's name nor NAME#ID of an IKE_SA"
        ),
        (
            #"{"schema":1,"command":"terminate","name":"hq","only_dead":true}"#, .badRequest,
            "the command 'terminate' takes no field 'only_dead'"
        ),
        (
            #"{"schema":1,"command":"status","name":"hq"}"#, .badRequest,
            "the command 'status' takes no field 'name'"
        ),
        (
            #"{"schema":1,"command":"sa-show","name":"hq","child":"net"}"#, .badRequest,
            "the command 'sa-show' takes no field 'child'"
        ),
    ])
    func `a request that cannot be obeyed is refused with one sentence`(
        line: String, code: ControlError.Code, message: String
    ) {
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(Array(line.utf8)) }
        #expect(error?.code == code)
        #expect(error?.message == message)
    }

    @Test func `a request of another schema is refused by its number, whatever else it says`() {
        let line = Array(#"{"schema":2,"command":"fly","wings":2}"#.utf8)
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(line) }
        #expect(error?.code == .unsupportedSchema)
    }

    @Test func `a request that is too long is refused unread`() {
        let padding = String(repeating: " ", count: ControlSchema.maximumRequestBytes)
        let line = Array((#"{"schema":1,"command":"status"}"# + padding).utf8)
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(line) }
        #expect(error?.code == .tooLarge)
    }

    @Test(arguments: ["[", #"{"a":"#])
    func `a request nested as deeply as fits is refused, not followed`(opening: String) {
        let depth = ControlSchema.maximumRequestBytes / opening.utf8.count
        let line = Array(String(repeating: opening, count: depth).utf8)
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(line) }
        #expect(error?.code == .badRequest)
    }

    @Test func `bytes that are no UTF-8 are refused`() {
        let line = Array(#"{"schema":1,"command":"sa-show","name":""#.utf8) + [0xff, 0x22, 0x7d]
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(line) }
        #expect(error?.code == .badRequest)
    }

    @Test func `no refusal carries a control character or a long quotation back`() throws {
        let command = #"\u001b[2J\n"# + String(repeating: "x", count: 1_000)
        let line = Array(#"{"schema":1,"command":"\#(command)"}"#.utf8)
        let error = #expect(throws: ControlError.self) { try ControlCodec.request(line) }
        let message = try #require(error?.message)
        #expect(message.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control })
        #expect(message.count < 100)
    }

    @Test(arguments: [
        ("hq", "hq", nil), ("hq#3", "hq", 3), ("a#b#12", "a#b", 12),
        ("x#18446744073709551615", "x", UInt64.max),
    ])
    func `an IKE_SA is named by connection and ID`(text: String, connection: String, id: UInt64?) {
        let name = SAName(text)
        #expect(name == SAName(connection: connection, id: id))
        #expect(name?.description == text)
    }

    @Test(arguments: ["", "#", "#3", "hq#", "hq#-1", "hq#+1", "hq#1 ", "hq#18446744073709551616", "hq#٣"])
    func `a name without connection or with something else after the mark is none`(text: String) {
        #expect(SAName(text) == nil)
    }
}
