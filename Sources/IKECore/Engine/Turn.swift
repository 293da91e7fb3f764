internal import IPsecModel

/// One call of the engine: the time, and what the call wants done.
struct Turn {
    /// When the call was made.
    let now: Instant
    /// What it wants done so far.
    var outbox: Outbox

    /// Tells logs and listeners.
    mutating func event(_ event: IKEEvent) {
        self.outbox.append(.event(event))
    }

    /// Sends a datagram.
    mutating func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
        self.outbox.append(.send(bytes: bytes, from: source, to: destination))
    }

    /// Asks the data plane; without an ID nobody waits for the answer.
    mutating func ask(_ operation: DataPlaneRequest.Operation, requestID: UInt64 = 0) {
        self.outbox.append(.dataPlane(DataPlaneRequest(requestID: requestID, operation: operation)))
    }
}
