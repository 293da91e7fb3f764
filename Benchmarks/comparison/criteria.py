"""The limits that Culvert must keep, and how they are judged."""

from dataclasses import dataclass
from statistics import median

# The reason of what --only did not ask for.
LEFT_OUT = "left out"
LIBRARIES = ("openssl", "ipsec-mb")


@dataclass(frozen=True)
class Limit:
    """`at most` or `at least` a number."""

    relation: str
    number: float

    def holds(self, measured):
        return measured <= self.number if self.relation == "≤" else measured >= self.number

    def __str__(self):
        return f"{self.relation} {self.number:g}"


@dataclass(frozen=True)
class Ratio:
    """One figure of one tunnel, divided by that of another in the same round."""

    title: str
    figure: str
    dividend: str
    divisor: str
    limit: Limit

    def values(self, rounds):
        pairs = [(one.get(self.dividend), one.get(self.divisor)) for one in rounds]
        return [high[self.figure] / low[self.figure] for high, low in pairs if high and low]


@dataclass(frozen=True)
class Count:
    """One of the numbers that `esp-tunnel --selfbench` prints, or the quotient of two of them."""

    title: str
    key: str
    limit: Limit
    divisor_key: str = ""

    def values(self, counts):
        if self.key not in counts or (self.divisor_key and not counts.get(self.divisor_key)):
            return []
        return [counts[self.key] / (counts[self.divisor_key] if self.divisor_key else 1)]


def at_most(number):
    return Limit("≤", number)


def at_least(number):
    return Limit("≥", number)


def _of_library(library):
    culvert, ceiling, rival = f"Culvert, {library}", f"ceiling, {library}", "strongSwan"
    faster = {"openssl": 8, "ipsec-mb": 12}[library]
    return [
        Ratio(f"CPU per GB: Culvert / ceiling, {library}", "CPU per GB", culvert, ceiling, at_most(1.25)),
        Ratio(f"CPU per GB: strongSwan / Culvert, {library}", "CPU per GB", rival, culvert, at_least(9)),
        Ratio(f"throughput: Culvert / ceiling, {library}", "throughput", culvert, ceiling, at_least(0.8)),
        Ratio(f"throughput: Culvert / strongSwan, {library}", "throughput", culvert, rival, at_least(faster)),
        Ratio(
            f"CPU per UDP packet: Culvert / strongSwan, {library}", "CPU per packet", culvert, rival,
            at_most(0.5)),
        Ratio(f"ping: Culvert / strongSwan, {library}", "round trip", culvert, rival, at_most(0.6)),
    ]


RATIOS = [ratio for library in LIBRARIES for ratio in _of_library(library)]

# What `esp-tunnel --selfbench` must print, one `key=value` a line.
COUNTS = [
    Count("allocations per packet, sealing", "seal_allocations_per_packet", at_most(0)),
    Count("allocations per packet, opening", "open_allocations_per_packet", at_most(0)),
    Count("bytes per CHILD_SA beyond the replay window", "bytes_per_child_sa", at_most(4096)),
    Count("CHILD_SAs installed at once", "child_sas_installed", at_least(10_000)),
    Count("cost per packet: with 10,000 CHILD_SAs / with 1", "packet_nanoseconds_with_10000", at_most(1.1),
          "packet_nanoseconds_with_1"),
]


@dataclass(frozen=True)
class Verdict:
    """`values` is empty if nothing was measured; `reason` then says why."""

    criterion: Ratio | Count
    values: list
    reason: str

    @property
    def misses(self):
        if not self.values:
            return self.reason != LEFT_OUT
        return not self.criterion.limit.holds(median(self.values))

    def row(self):
        verdict = "MISSED" if self.misses else "ok" if self.values else ""
        return [self.criterion.title, str(self.criterion.limit), self._measured(), verdict]

    def _measured(self):
        if not self.values:
            return self.reason
        if len(self.values) == 1:
            return f"{self.values[0]:,.0f}" if self.values[0] >= 1000 else f"{self.values[0]:.3g}"
        return f"{median(self.values):.3g} ({min(self.values):.3g}–{max(self.values):.3g})"


def judge(rounds, counts, reasons):
    """`reasons` says by name why a tunnel, or `selfbench`, lacks figures: LEFT_OUT, or what went wrong."""
    def why(*names):
        given = [reasons[name] for name in names if name in reasons]
        # A ratio without its other half is no failure, whatever became of this half.
        return LEFT_OUT if LEFT_OUT in given else given[0] if given else "no figures"
    def of_ratio(ratio):
        values = ratio.values(rounds)
        if values and len(values) * 2 <= len(rounds):
            return Verdict(ratio, [], f"in {len(values)} of {len(rounds)} rounds only")
        return Verdict(ratio, values, why(ratio.dividend, ratio.divisor))
    return [of_ratio(one) for one in RATIOS] + [
        Verdict(one, one.values(counts), why("selfbench")) for one in COUNTS]


def table(heads, rows):
    """Left-aligned columns, as wide as they must be."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in padded)
