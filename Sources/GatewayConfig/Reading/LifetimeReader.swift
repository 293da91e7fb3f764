internal import IPsecModel

/// Reads when SAs are rekeyed and when they end.
///
/// Defaults are those of swanctl.conf(5), with one bound more: the default margin of chance is at most half of
/// the time until rekeying, since a long `life_time` would otherwise let rekeying begin at once.
enum LifetimeReader {
    /// `rekey_time` (4 hours, or never if there is a `reauth_time`), `reauth_time` (never), `over_time` (a tenth of the longer
    /// one) and `rand_time` (as much) of an IKE_SA.
    static func ike(_ reader: SectionReader) -> (rekeying: Lifetime, reauthentication: Lifetime) {
        let never = Lifetime(rekey: nil, hard: nil, jitter: .zero)
        let reauthentication = reader.time("reauth_time") ?? .zero
        let rekey = reader.time("rekey_time") ?? (reauthentication > .zero ? .zero : .seconds(14_400))
        let over = reader.time("over_time")
        guard max(rekey, reauthentication) > .zero else {
            for key in ["over_time", "rand_time"] where reader.time(key) ?? .zero > .zero {
                let place = reader.value(key)?.span ?? reader.place
                reader.warning(place, "\(key) has no effect: rekey_time is 0")
            }
            return (never, never)
        }
        let margin = over ?? max(rekey, reauthentication) / 10
        let lifetime = { (name: String, span: Duration) in
            span > .zero
                ? Lifetime(
                    rekey: span, hard: span + margin,
                    jitter: self.jitter(reader, rekey: span, name, margin: margin)) : never
        }
        return (lifetime("rekey_time", rekey), lifetime("reauth_time", reauthentication))
    }

    /// `rekey_time` (an hour, or a tenth less than `life_time`), `life_time` (a tenth more than `rekey_time`) and
    /// `rand_time` (the difference) of a CHILD_SA.
    static func child(_ reader: SectionReader) -> Lifetime {
        let life = reader.time("life_time").flatMap { $0 > .zero ? $0 : nil }
        let rekey = reader.time("rekey_time") ?? life.map { $0 * 9 / 10 } ?? .seconds(3_600)
        guard rekey > .zero else { return Lifetime(rekey: nil, hard: life, jitter: .zero) }
        let hard = life ?? rekey + rekey / 10
        if hard <= rekey {
            let place = reader.value("life_time")?.span ?? reader.place
            reader.warning(
                place,
                "life_time \(hard.configured) is not longer than rekey_time \(rekey.configured): the CHILD_SA "
                    + "ends before it is rekeyed")
        }
        let margin = hard > rekey ? hard - rekey : .zero
        return Lifetime(
            rekey: rekey, hard: hard, jitter: self.jitter(reader, rekey: rekey, "rekey_time", margin: margin))
    }

    /// `rekey_bytes`, `life_bytes` and `rand_bytes`.
    static func bytes(_ reader: SectionReader) -> VolumeLimit {
        self.limit(reader, of: "bytes", Scalar.volume)
    }

    /// `rekey_packets`, `life_packets` and `rand_packets`.
    static func packets(_ reader: SectionReader) -> VolumeLimit {
        self.limit(reader, of: "packets") { value throws(ValueFault) in
            try Scalar.number(value, in: 0...UInt64.max)
        }
    }

    private static func jitter(
        _ reader: SectionReader, rekey: Duration, _ name: String, margin: Duration
    ) -> Duration {
        guard let jitter = reader.time("rand_time"), let value = reader.value("rand_time") else {
            return min(margin, rekey / 2)
        }
        if jitter >= rekey {
            reader.error(
                value.span,
                "rand_time \(jitter.configured) is not shorter than \(name) \(rekey.configured): "
                    + "\(name == "rekey_time" ? "rekeying" : "reauthentication") could begin at once")
        }
        return jitter
    }

    /// Rekeying a tenth before the end and the end a tenth after rekeying, if only one of the two is given, and the
    /// difference for chance, but at most half of it all.
    private static func limit(
        _ reader: SectionReader, of unit: String, _ parse: (LocatedText) throws(ValueFault) -> UInt64
    ) -> VolumeLimit {
        let (rekeyKey, lifeKey, randKey) = ("rekey_\(unit)", "life_\(unit)", "rand_\(unit)")
        let jitter = reader.read(randKey, parse)
        let life = reader.read(lifeKey, parse).flatMap { $0 > 0 ? $0 : nil }
        let rekey = reader.read(rekeyKey, parse) ?? life.map { $0 - $0 / 10 } ?? 0
        guard rekey > 0 else { return VolumeLimit(rekey: nil, hard: life) }
        let (sum, overflow) = rekey.addingReportingOverflow(rekey / 10)
        let hard = life ?? (overflow ? .max : sum)
        if hard <= rekey, let place = reader.value(lifeKey)?.span {
            reader.warning(
                place, "\(lifeKey) is not more than \(rekeyKey): the CHILD_SA ends before it is rekeyed")
        }
        if let jitter, jitter >= rekey, let place = reader.value(randKey)?.span {
            reader.error(place, "\(randKey) is not less than \(rekeyKey): rekeying could begin at once")
        }
        let margin = hard > rekey ? hard - rekey : 0
        return VolumeLimit(rekey: rekey, hard: hard, jitter: jitter ?? min(margin, rekey / 2))
    }
}
