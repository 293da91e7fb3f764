internal import IPsecModel

/// IKE_SA_INIT requests that will be answered when their key exchange is done.
///
/// Each of them counts as a half-open IKE_SA from the beginning, so that the limits on those bound these as well.
struct AwaitedAgreements {
    private var requests: [UInt64: AcceptedInitialRequest] = [:]
    private var byInitialKey: [IKESADirectory.InitialKey: Group<UInt64>] = [:]
    private var lastID: UInt64 = 0

    /// How many there are.
    var count: Int { self.requests.count }

    /// Takes in a request; the number is that of its key exchange.
    mutating func add(_ request: AcceptedInitialRequest) -> UInt64 {
        self.lastID &+= 1
        self.requests[self.lastID] = request
        self.byInitialKey.insert(self.lastID, request.initialKey)
        return self.lastID
    }

    /// The request that waits for this key exchange, once; nil if none does.
    mutating func take(_ requestID: UInt64) -> AcceptedInitialRequest? {
        guard let request = self.requests.removeValue(forKey: requestID) else { return nil }
        self.byInitialKey.remove(requestID, request.initialKey)
        return request
    }

    /// The numbers of those that `isMeant`.
    func all(where isMeant: (AcceptedInitialRequest) -> Bool) -> [UInt64] {
        self.requests.compactMap { isMeant($1) ? $0 : nil }
    }

    /// True if a request from this address waits.
    func contains(from address: IPAddress) -> Bool {
        self.requests.values.contains { $0.arrival.source.address == address }
    }

    /// True if a request of these very octets waits.
    func contains(_ key: IKESADirectory.InitialKey, octets: [UInt8]) -> Bool {
        (self.byInitialKey[key]?.all ?? []).contains { self.requests[$0]?.octets == octets }
    }
}
