internal import IPsecModel

/// What all IKE_SAs of one engine share. Nothing of it is global, so that several engines can run side by side.
final class EngineContext {
    /// Algorithms and randomness.
    let crypto: any CryptoProvider
    /// Makes our tokens (RFC 6290); nil if nothing would be left of its secret after a crash.
    private let qcdMaker: QCDTokenMaker?
    /// What is configured now.
    var configuration: GatewayConfiguration {
        didSet { self.connections = Self.byName(self.configuration) }
    }
    /// Its connections by their names.
    private(set) var connections: [String: ConnectionConfiguration]
    /// All IKE_SAs.
    let directory = IKESADirectory()
    /// The reqids in use.
    var reqids = ReqIDRegistry()
    /// IKE_SA_INIT requests whose key exchange is under way.
    var agreements = AwaitedAgreements()
    /// IKE_SAs that we begin in place of others.
    var reauthentications = ReauthenticationBook()
    /// By reqid, the CHILD_SA of a peer that has authenticated anew which sends when the one before has ended.
    var heirs: [UInt32: ESPSPI] = [:]
    /// What was dropped.
    var counters = Counters()
    /// IKE_SAs that something happened to in this turn: their deadlines may have changed, or they are gone.
    private(set) var touched: Set<IKESPI> = []
    /// Which IKE_SA waits for which answer of the data plane.
    private var waiting: [UInt64: Waiter] = [:]
    /// Until then every IKE_SA_INIT must bring a cookie, since somebody sends public values that are none.
    var suspiciousUntil = Instant.origin
    /// Holds down how much an unauthenticated peer can make us log.
    var complaints = CourtesyBudget(perSecond: 10)
    /// This host's addresses, as far as the driver has told.
    var ownAddresses: Set<IPAddress> = []
    /// Our SPI of the IKE_SA that each search for a way to its peer is for.
    private var pathSearches: [UInt64: IKESPI] = [:]
    /// Counted down, so that none is one of `ConnectionKeeper`.
    private var nextPathSearch = UInt64.max
    private var lastRequestID: UInt64 = 0
    private var lastUniqueID: UInt64 = 0

    /// Who waits for an answer of the data plane.
    struct Waiter {
        /// Our SPI of the IKE_SA, which may be gone by now.
        let owner: IKESPI
        /// Its address when it asked.
        let local: IPAddress
    }

    init(crypto: any CryptoProvider, configuration: GatewayConfiguration, qcdSecret: SecretBytes?) {
        self.crypto = crypto
        self.configuration = configuration
        self.connections = Self.byName(configuration)
        self.qcdMaker = qcdSecret.map { QCDTokenMaker(secret: $0) }
    }

    private static func byName(_ configuration: GatewayConfiguration) -> [String: ConnectionConfiguration] {
        Dictionary(configuration.connections.map { ($0.name, $0) }) { first, _ in first }
    }

    /// Makes our tokens, if we have any to make.
    var tokenMaker: QCDTokenMaker? { self.configuration.detectsCrashes ? self.qcdMaker : nil }

    /// Every limit on what a peer can make us hold.
    var limits: IKELimits { self.configuration.limits }

    /// Tells of something that an unauthenticated peer did, unless there was too much of that lately.
    func complain(_ event: IKEEvent, _ turn: inout Turn) {
        guard self.complaints.spend(now: turn.now) else { return }
        turn.event(event)
    }

    /// A fresh ID for a request to the data plane that `ikeSA` waits for.
    func makeRequestID(for ikeSA: IKESA) -> UInt64 {
        self.lastRequestID &+= 1
        self.waiting[self.lastRequestID] = Waiter(
            owner: ikeSA.localSPI, local: ikeSA.path.local.address)
        return self.lastRequestID
    }

    /// Another IKE_SA waits for the answer now.
    func handOver(requestID: UInt64, to ikeSA: IKESA) {
        self.waiting[requestID] = Waiter(owner: ikeSA.localSPI, local: ikeSA.path.local.address)
    }

    /// Who waits for this answer, once; nil if nobody does.
    func takeWaiting(requestID: UInt64) -> Waiter? {
        self.waiting.removeValue(forKey: requestID)
    }

    /// A fresh ID for a search for a way to the peer of `ikeSA`.
    func makePathSearch(for ikeSA: IKESA) -> UInt64 {
        defer { self.nextPathSearch &-= 1 }
        self.pathSearches[self.nextPathSearch] = ikeSA.localSPI
        return self.nextPathSearch
    }

    /// Which IKE_SA the search is for, once; nil if it is none of these.
    func takePathSearch(_ searchID: UInt64) -> IKESPI? { self.pathSearches.removeValue(forKey: searchID) }

    /// How many searches for a way to a peer are under way.
    var pathSearchCount: Int { self.pathSearches.count }

    /// How many answers of the data plane are waited for.
    var waitingCount: Int { self.waiting.count }

    /// Something happened to `ikeSA`.
    func touch(_ ikeSA: IKESA) {
        self.touched.insert(ikeSA.localSPI)
    }

    /// The IKE_SAs touched since the last call.
    func takeTouched() -> Set<IKESPI> {
        defer { self.touched.removeAll(keepingCapacity: true) }
        return self.touched
    }

    /// A fresh number for an IKE_SA's label.
    func makeUniqueID() -> UInt64 {
        self.lastUniqueID &+= 1
        return self.lastUniqueID
    }

    /// A fresh SPI of ours, not zero and not in use.
    func makeIKESPI() throws(CryptoFault) -> IKESPI {
        while true {
            let spi = IKESPI(try self.crypto.bytes(8).reduce(0) { $0 << 8 | UInt64($1) })
            if spi != .zero, !self.directory.isTaken(spi) { return spi }
        }
    }

    /// `span` less a random part of up to `jitter`.
    func jittered(_ span: Duration?, by jitter: Duration) -> Duration? {
        guard let span else { return nil }
        return max(.zero, span - jitter * self.chance())
    }

    /// `limit` with the beginning of rekeying that chance gives it.
    func jittered(_ limit: VolumeLimit) -> VolumeLimit {
        VolumeLimit(
            rekey: limit.rekey.map { rekey in
                // At least one, since nothing can be rekeyed before the first.
                max(1, rekey - min(rekey, UInt64(min(Double(limit.jitter) * self.chance(), 0x1p63))))
            }, hard: limit.hard)
    }

    /// A span from the least to the most.
    func chosen(_ span: (least: Duration, most: Duration)) -> Duration {
        span.least + (span.most - span.least) * self.chance()
    }

    /// By what part of it chance makes the wait for an answer shorter, from 0 to 1.
    func haste() -> Double {
        let jitter = self.limits.retransmissionJitter
        return jitter > 0 ? jitter * self.chance() : 0
    }

    /// A number from 0 to 1 for spreading in time what would else happen at once. Nothing secret rests on it, so a source
    /// of random bytes that fails is no reason to do nothing.
    func chance() -> Double {
        do throws(CryptoFault) {
            return Double(try self.crypto.bytes(2).reduce(0) { $0 << 8 | Int($1) }) / 65_535
        } catch {
            return 0
        }
    }
}
