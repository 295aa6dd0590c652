"""The verdict of an A/B test of training strategies: which arm a unit belongs to, and which arm wins, with reasons."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from runyard.core.errors import Invalid, Problem
from runyard.stats.corrections import benjamini_hochberg, holm
from runyard.stats.effects import ALPHA, Difference, compare
from runyard.stats.power import SampleRatio, required_runs, sample_ratio
from runyard.stats.sequential import NEAREST_LOOKS, after_every_run, first_crossing

Looking = Literal["once", "any_time", "planned"]
Decision = Literal["winner", "none", "undecided", "blocked"]


@dataclass(frozen=True)
class Arm:
    """A strategy: results in the order in which its runs ended, and units assigned to it (as many as results)."""

    name: str
    results: Sequence[float | None]
    assigned: int | None = None


@dataclass(frozen=True)
class Design:
    """What was settled before the test began.

    Args:
        control: the arm that the others are compared with.
        minimum_sample: finite results of every arm before anything is decided, at least 2.
        smallest_effect: the difference that matters, in units of the metric, above 0; None where nobody said.
        split: share of each arm, adding up to 1; None is equal shares.
        looking: `once` when all runs are there (plain Welch), after every run (`any_time`, always-valid p; needs
            `smallest_effect`), or at the `planned` looks.
        looks: of `planned`: runs per arm at each look, rising; the last is all that are planned.
    """

    control: str
    higher_is_better: bool = True
    minimum_sample: int = 10
    alpha: float = ALPHA
    smallest_effect: float | None = None
    split: Mapping[str, float] | None = None
    looking: Looking = "once"
    looks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """A treatment against the control; `is_finding` by the rule of the design, Holm's step-down over all treatments.

    `p_holm` and `p_fdr` (Benjamini–Hochberg) are of Welch's p; `p_any_time` is the always-valid p of that rule.
    """

    name: str
    welch: Difference
    p_holm: float | None
    p_fdr: float | None
    p_any_time: float | None
    is_finding: bool
    is_better: bool


@dataclass(frozen=True)
class Verdict:
    """What the test says and why; `more_runs` is what each arm still needs, None where that cannot be said."""

    decision: Decision
    winner: str | None
    reasons: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    ratio: SampleRatio | None
    more_runs: Mapping[str, int] | None


def assign(unit: str | int, split: Mapping[str, float], *, experiment: str) -> str:
    """Return the arm of a unit (user id or seed): the same for ever, whoever asks, in whatever order.

    Args:
        unit: 7 and "7" are the same unit.
        split: share of each arm, adding up to 1.
        experiment: its id; the same unit is dealt anew in another experiment.

    Raises:
        Invalid: the split has fewer than two arms, a share that is not above 0, or does not add up to 1.

    Source: weighted rendezvous hashing, Thaler & Ravishankar 1998; a share that shrinks moves only units that must.
    """
    if problems := _of_split(split):
        raise Invalid("Units cannot be assigned by this split.", problems=problems)

    def distance(arm: str) -> tuple[float, str]:
        digest = hashlib.sha256("\0".join((experiment, arm, str(unit))).encode()).digest()
        drawn = (int.from_bytes(digest[:6], "big") + 0.5) / 2**48
        return -math.log(drawn) / split[arm], arm

    return min(split, key=distance)


def judge(arms: Sequence[Arm], design: Design) -> Verdict:
    """Return the verdict: the winner has the best mean of the treatments that are found to be better, if any is.

    Raises:
        Invalid: fewer than two arms, two arms of one name, a control that is no arm, a split that does not add up,
            negative or zero sizes, looks that do not rise; `problems` has all of them.

    Source: sections 1 and 8 of the definitions; Holm over planned looks: Ye et al. 2013.
    """
    if problems := _problems(arms, design):
        raise Invalid("This A/B test cannot be judged.", problems=problems)
    control = next(arm for arm in arms if arm.name == design.control)
    treatments = sorted((arm for arm in arms if arm is not control), key=lambda arm: arm.name)
    comparisons = _compared(control, treatments, design)
    split = design.split or {arm.name: 1 / len(arms) for arm in arms}
    counts = [len(arm.results) if arm.assigned is None else arm.assigned for arm in arms]
    ratio = sample_ratio(counts, [split[arm.name] for arm in arms])
    runs = {control.name: comparisons[0].welch.control.n} | {c.name: c.welch.treatment.n for c in comparisons}
    more = _more_runs(comparisons, runs, design)
    if ratio and ratio.is_mismatch:
        reason = f"The arms did not get the units that the split gives them (p = {ratio.p:.2g}): mend the assignment."
        return Verdict("blocked", None, (reason,), comparisons, ratio, None)
    short = [name for name in sorted(runs) if runs[name] < design.minimum_sample]
    if short:
        reasons = [f"{name} has {runs[name]} of at least {design.minimum_sample} runs." for name in short]
        return Verdict("undecided", None, tuple(reasons), comparisons, ratio, more)
    sign = 1 if design.higher_is_better else -1
    better = [c for c in comparisons if c.is_finding and c.is_better]
    if better:
        best = min(better, key=lambda c: (-sign * c.welch.treatment.mean, c.name))
        reason = f"{best.name} is better than {control.name} by {abs(best.welch.difference or 0):.4g}."
        return Verdict("winner", best.name, (reason, *_words(comparisons, design)), comparisons, ratio, None)
    words = _words(comparisons, design)
    if more and max(more.values()):
        words = (*words, f"An effect that matters needs up to {max(more.values())} more runs per arm to be found.")
        return Verdict("undecided", None, words, comparisons, ratio, more)
    return Verdict("none", None, words, comparisons, ratio, None)


def _compared(control: Arm, treatments: Sequence[Arm], design: Design) -> tuple[Comparison, ...]:
    welch = [compare(control.results, arm.results, alpha=design.alpha) for arm in treatments]
    raw = [one.p for one in welch]
    any_time: list[float | None] = [None] * len(treatments)
    if design.looking == "any_time" and design.smallest_effect:
        for place, arm in enumerate(treatments):
            p = after_every_run(control.results, arm.results, effect=design.smallest_effect)
            any_time[place] = float(p[-1]) if p.size else None

    def passes(place: int, level: float) -> bool:
        if design.looking == "planned":
            return first_crossing(control.results, treatments[place].results, design.looks, alpha=level)[1] is not None
        p = raw[place] if design.looking == "once" else any_time[place]
        return p is not None and p < level

    left = [place for place, p in enumerate(raw) if p is not None]
    found: set[int] = set()
    while passed := [place for place in left if passes(place, design.alpha / len(left))]:
        found.update(passed)
        left = [place for place in left if place not in found]
    sign = 1 if design.higher_is_better else -1
    return tuple(
        Comparison(arm.name, one, p_holm, p_fdr, p, place in found, sign * (one.difference or 0) > 0)
        for place, (arm, one, p_holm, p_fdr, p) in enumerate(
            zip(treatments, welch, holm(raw), benjamini_hochberg(raw), any_time, strict=True)
        )
    )


def _more_runs(comparisons: Sequence[Comparison], runs: Mapping[str, int], design: Design) -> dict[str, int] | None:
    """Return what each arm lacks: of the minimum, of the planned runs, and of those that find the smallest effect."""
    needed = max(design.minimum_sample, *design.looks, 0)
    if design.smallest_effect and design.looking != "planned":
        both = [moments for c in comparisons for moments in (c.welch.control, c.welch.treatment) if moments.n > 1]
        freedom = sum(one.n - 1 for one in both)
        variance = math.fsum((one.n - 1) * one.variance for one in both) / freedom if freedom else 0.0
        if 0 < variance < math.inf:
            wanted = required_runs(design.smallest_effect / math.sqrt(variance), alpha=design.alpha)
            if wanted is None:
                return None
            needed = max(needed, wanted)
    return {name: max(0, needed - n) for name, n in sorted(runs.items())}


def _words(comparisons: Sequence[Comparison], design: Design) -> tuple[str, ...]:
    return tuple(_sentence(c, design) for c in comparisons)


def _sentence(comparison: Comparison, design: Design) -> str:
    welch = comparison.welch
    if welch.low is None or welch.high is None:
        return f"{comparison.name}: no run differs from another, so chance cannot be ruled out or in."
    p = comparison.p_any_time if design.looking == "any_time" else comparison.p_holm
    rule = {"once": "Holm", "any_time": "always valid", "planned": "Holm; the planned looks decide"}[design.looking]
    said = ("better" if comparison.is_better else "worse") if comparison.is_finding else "not to be told apart"
    tested = "" if p is None else f", p = {p:.3g} ({rule})"
    sure = 100 * (1 - design.alpha)
    return (
        f"{comparison.name} against {design.control}: {said}; difference {welch.difference:+.4g}, "
        f"{sure:g} % interval {welch.low:+.4g} to {welch.high:+.4g}{tested}."
    )


def _problems(arms: Sequence[Arm], design: Design) -> list[Problem]:
    names = [arm.name for arm in arms]
    found: list[Problem] = []
    if len(arms) < 2:
        found.append(Problem("arms", f"a test needs a control and a treatment, not {len(arms)} arms"))
    if design.control not in names:
        found.append(Problem("control", f"{design.control} is no arm", tuple(names)))
    for name in sorted({name for name in names if names.count(name) > 1}):
        said = "a treatment is named as the control" if name == design.control else "two arms have this name"
        found.append(Problem(f"arms.{name}", said))
    for arm in arms:
        if arm.assigned is not None and arm.assigned < 0:
            found.append(Problem(f"arms.{arm.name}.assigned", f"{arm.assigned} is negative"))
    if design.minimum_sample < 2:
        found.append(Problem("minimum_sample", f"at least 2 runs, not {design.minimum_sample}"))
    if not 0 < design.alpha < 0.5:
        found.append(Problem("alpha", f"lies between 0 and 0.5, not {design.alpha}"))
    if design.smallest_effect is not None and not 0 < design.smallest_effect < math.inf:
        found.append(Problem("smallest_effect", f"is above 0 and finite, not {design.smallest_effect}"))
    if design.looking == "any_time" and design.smallest_effect is None:
        found.append(Problem("smallest_effect", "looking at any time needs the effect that matters"))
    if design.looking == "planned" and not _rise(design.looks):
        found.append(Problem("looks", f"runs per arm rise from 2 on, not {list(design.looks)}"))
    if design.split is not None:
        found += _of_split(design.split)
        if sorted(design.split) != sorted(names):
            found.append(Problem("split", f"names {sorted(design.split)}, the arms are {sorted(names)}"))
    return found


def _rise(looks: Sequence[int]) -> bool:
    steps = [other - one for one, other in zip((0, *looks), looks, strict=False)]
    return bool(looks) and looks[0] >= 2 and min(steps) >= max(1, NEAREST_LOOKS * looks[-1])


def _of_split(split: Mapping[str, float]) -> list[Problem]:
    found = [
        Problem(f"split.{arm}", f"a share is above 0, not {share}") for arm, share in split.items() if not share > 0
    ]
    if len(split) < 2:
        found.append(Problem("split", f"needs two arms, not {len(split)}"))
    if not found and round(math.fsum(split.values()), 9) != 1:
        found.append(Problem("split", f"adds up to {math.fsum(split.values()):g}, not to 1"))
    return found
