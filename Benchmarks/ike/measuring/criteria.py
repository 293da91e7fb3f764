"""The limits that Culvert must keep as a responder, and how they are judged."""

from dataclasses import dataclass, field
from statistics import median

from comparison.criteria import Limit, at_least, at_most

from .responders import CORE

CURVE = "x25519"
MODP = "MODP-2048"
PROPOSALS = {CURVE: "aes128gcm16-prfsha256-x25519", MODP: "aes128gcm16-prfsha256-modp2048"}


@dataclass
class Figures:
    """What was measured: a value for each round, by responder and figure."""

    by_name: dict = field(default_factory=dict)

    def add(self, responder, figure, value):
        self.by_name.setdefault((responder, figure), []).append(value)

    def of(self, responder, figure):
        return self.by_name.get((responder, figure), [])

    def ratios(self, dividend, divisor, figure):
        """Of what was measured in the same round."""
        return [above / below for above, below in zip(self.of(dividend, figure), self.of(divisor, figure))]


@dataclass(frozen=True)
class Criterion:
    title: str
    limit: Limit
    # Takes Figures, returns the values of all rounds.
    values: object

    def row(self, figures):
        values = self.values(figures)
        if not values:
            return [self.title, str(self.limit), "not measured", ""]
        middle = median(values)
        spread = f" ({min(values):.3g}–{max(values):.3g})" if len(values) > 1 else ""
        return [self.title, str(self.limit), f"{middle:.3g}{spread}", "ok" if self.limit.holds(middle) else "MISSED"]

    def misses(self, figures):
        values = self.values(figures)
        return bool(values) and not self.limit.holds(median(values))


def _own(figure):
    return lambda figures: figures.of("Culvert", figure)


def _spread(figures):
    alone, both = (figures.of("Culvert", spread_speed(cores)) for cores in (CORE, BOTH_CORES))
    return [together / single for together, single in zip(both, alone)]


def _rival(figure):
    return lambda figures: figures.ratios("strongSwan", "Culvert", figure)


def _scaled(figure):
    """On a core where charon needs CHARON_CPU: what the limits were set for, however fast and busy this one is."""
    def values(figures):
        core = figures.of("strongSwan", cpu(CURVE))
        return [own * CHARON_CPU / charon for own, charon in zip(figures.of("Culvert", figure), core)]
    return values


def cpu(group):
    return f"CPU ms per set-up, {group}"


def speed(group):
    return f"set-ups per second, {group}"


def spread_speed(cores):
    return f"set-ups per second, {MODP}, cheap initiators, on core {cores}"


MEMORY = "bytes per IKE_SA with its CHILD_SA"
IDLE = "idle CPU %"
GROWTH = "growth"
# Of the responder: the initiators have the second one.
BOTH_CORES = "0,1"
# Milliseconds for a set-up with x25519.
CHARON_CPU = 0.60

CRITERIA = [
    Criterion(f"CPU ms per set-up, {CURVE}, strongSwan = {CHARON_CPU:.2f}", at_most(0.20), _scaled(cpu(CURVE))),
    Criterion(f"CPU ms per set-up, {MODP}, on the same core", at_most(0.8), _scaled(cpu(MODP))),
    Criterion(f"CPU per set-up, {CURVE}, strongSwan / Culvert", at_least(3), _rival(cpu(CURVE))),
    Criterion(f"set-ups per second, {MODP}, on two cores / on one", at_least(1.2), _spread),
    Criterion("KiB resident per IKE_SA with its CHILD_SA", at_most(6),
              lambda figures: [value / 1024 for value in figures.of("Culvert", MEMORY)]),
    Criterion("% of a core while idle", at_most(3), _own(IDLE)),
    Criterion("CPU per set-up, last / first thousands", at_most(1.1), _own(GROWTH)),
]
