"""What tested pairs say together: verdicts, tiers where there are any, and a sentence.

A pair is better, worse or not distinguishable. A verdict needs a p-value that is small after Holm's adjustment, an
interval that excludes 0 as it is printed, and no reason to doubt either (see `compare`). Not distinguishable is not
transitive: a may be better than c while b is distinguishable from neither. So a tier ends only where every candidate
above is better than every candidate below, and often there is one tier only, which is no ranking.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from math import ceil, inf
from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.compare import doubt_about, judge
from bedside.evaluation.metrics import LABELS
from bedside.evaluation.paired import ALIKE, Paired, holm
from bedside.evaluation.worst_group import listed

T_TEST, DELONG, BOOTSTRAP = "corrected resampled t-test", "DeLong", "patient bootstrap"
LISTED = 4  # names in a sentence before the rest is counted

Test = Callable[[str, str], tuple[Paired, str]]  # names of two candidates -> (tested difference, how)


@dataclass(frozen=True)
class Pair:
    """The tested difference of two candidates in the headline metric, first minus second."""

    first: str
    second: str
    difference: Estimate
    tested: Paired
    test: str  # empty if there is no p-value
    delong: Paired | None  # beside the t-test of a binary AUROC
    doubt: str  # why there is no verdict whatever the p-value
    p_adjusted: float | None = None

    @property
    def verdict(self) -> str:
        """better, worse or not distinguishable, of the first candidate against the second."""
        clear = self.p_adjusted is not None and self.p_adjusted < 1 - self.difference.level
        return judge(self.difference, self.doubt) if clear else "not distinguishable"

    def to_dict(self) -> dict[str, Any]:
        beside = None
        if self.delong:
            beside = {key: getattr(self.delong, key) for key in ("difference", "low", "high")}
            beside |= {"z": self.delong.statistic, "p": self.delong.p}
        return {
            "first": self.first,
            "second": self.second,
            "metric": self.difference.metric,
            "of": self.difference.of,
            "difference": self.difference.to_dict(),
            "p": self.tested.p,
            "p_adjusted": self.p_adjusted,
            "test": self.test,
            "delong": beside,
            "verdict": self.verdict,
        }


def tested_pairs(
    headlines: dict[str, Estimate], kind: str, test: Test, beside: Test | None, patients: dict[str, int]
) -> list[Pair]:
    """Every pair of candidates in the order given, with its p-value adjusted for all of them."""
    pairs = []
    for first, second in combinations(headlines, 2):
        tested, how = test(first, second)
        doubt = _doubt({first: headlines[first], second: headlines[second]}, tested, patients)
        alone = "interval of this pair alone, not adjusted" if len(headlines) > 2 and tested.low is not None else ""
        method = "; ".join(part for part in (how, alone, tested.why, doubt[:1].lower() + doubt[1:].rstrip(".")) if part)
        difference = replace(headlines[first], value=tested.difference, low=tested.low, high=tested.high, method=method)
        named = kind if tested.p is not None else ""
        pairs.append(
            Pair(first, second, difference, tested, named, beside(first, second)[0] if beside else None, doubt)
        )
    adjusted = holm([pair.tested.p for pair in pairs])
    return [replace(pair, p_adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]


def _doubt(headlines: dict[str, Estimate], tested: Paired, patients: dict[str, int]) -> str:
    """Why no verdict can be given on a pair whatever its p-value, or nothing."""
    ranked = dict(sorted(headlines.items(), key=_best_first))
    reason = doubt_about(ranked, patients)
    one, other = (estimate.value for estimate in headlines.values())
    mean = tested.difference or 0.0
    if reason or one is None or other is None or abs(mean) <= ALIKE:
        return reason
    if (one - other) * mean <= 0:
        names = " and ".join(headlines)
        return f"No verdict where the mean over folds and the estimate of all samples order {names} differently."
    return ""


def _best_first(named: tuple[str, Estimate]) -> float:
    """Sorts headline estimates, all of which are better when higher, and undefined ones to the end."""
    value = named[1].value
    return inf if value is None else -value


def ranking(headlines: dict[str, Estimate], pairs: list[Pair], kind: str, result: dict[str, Any]) -> dict[str, Any]:
    """Tiers, the best, and a sentence."""
    ordered = [name for name, _ in sorted(headlines.items(), key=_best_first)]
    better = {(pair.first, pair.second) for pair in pairs if pair.verdict == "better"}
    better |= {(pair.second, pair.first) for pair in pairs if pair.verdict == "worse"}
    places = range(1, len(ordered))
    cuts = [k for k in places if all((up, down) in better for up in ordered[:k] for down in ordered[k:])]
    tiers = [ordered[start:end] for start, end in zip([0, *cuts], [*cuts, len(ordered)], strict=True)]
    beaten = [name for name in ordered[1:] if (ordered[0], name) in better]
    best = [name for name in ordered if name not in beaten]
    said = [_finding({name: headlines[name] for name in ordered}, best, beaten, bool(better))]
    if pairs:
        said += [_how_tested(pairs, kind, result), *_doubts(pairs, ordered[0])]
    return {"order": tiers if cuts else None, "best": best, "sentence": " ".join(part for part in said if part)}


def _finding(headlines: dict[str, Estimate], best: list[str], beaten: list[str], any_differ: bool) -> str:
    """Who is best, as far as the pairs say; candidates from the best to the worst estimate."""
    names = list(headlines)
    leader, last = names[0], names[-1]
    headline = headlines[leader]
    label = f"macro {LABELS[headline.metric]}" if headline.of == "macro" else LABELS[headline.metric]
    if headline.value is None:
        reason = headline.method.removeprefix("not defined: ")
        return f"The candidates are not distinguishable: {label} cannot be given: {reason}."
    highest = f"{label} {headline.text()}"
    if len(names) == 1:
        return f"There is one candidate, {leader}, with {highest}, and nothing to compare it with."
    if not any_differ:
        lowest = f"{label} {headlines[last].text()}"
        return f"The {len(names)} candidates are not distinguishable: from {lowest} ({last}) to {highest} ({leader})."
    if best == [leader]:
        return f"{leader} is best, with {highest}: better than {_listed(beaten)}."
    finding = f"{leader} has the best estimate, {highest}, but is not distinguishable from {_listed(best[1:])}"
    return f"{finding}; it is better than {_listed(beaten)}." if beaten else f"{finding}."


def _listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`; beyond a handful the rest is counted."""
    if len(names) > LISTED:
        names = [*names[: LISTED - 1], f"{len(names) - LISTED + 1} others"]
    return listed(names)


def _how_tested(pairs: list[Pair], kind: str, result: dict[str, Any]) -> str:
    """How many pairs were tested, with what, and how the p-values were adjusted."""
    tested = sum(pair.tested.p is not None for pair in pairs)
    if not tested:
        return f"No pair could be tested: {pairs[0].tested.why}."
    n, metric = result["n"], pairs[0].difference.metric
    folds = next((record["n_folds"] for record in result["spread"] if record["metric"] == metric), 0)
    how = {
        T_TEST: f"with the corrected resampled t-test on the same {folds} folds",
        DELONG: f"with DeLong's test on the same {n['patients']} patients",
        BOOTSTRAP: f"by resampling the same {n['patients']} patients {result['resamples']:,} times",
    }
    counted = f"{tested} pair{'s were' if tested > 1 else ' was'} tested {how[kind]}"
    if tested < len(pairs):
        counted = f"{tested} of {len(pairs)} pairs could be tested {how[kind]}"
    said = f"{counted}; p-values are adjusted by Holm's method."
    alpha = 1 - result["level"]
    if kind == BOOTSTRAP and tested * 2 / (result["resamples"] + 1) >= alpha:
        enough = ceil(10 * tested / alpha / 1000) * 1000  # about five times as many as the least that could tell
        said += f" So few resamples cannot tell so many pairs apart: set evaluation.resamples to {enough:,} or more."
    return said


def _doubts(pairs: list[Pair], leader: str) -> list[str]:
    """Why the data allow no verdict on the candidate with the best estimate, each reason once."""
    return list(dict.fromkeys(pair.doubt for pair in pairs if pair.doubt and leader in (pair.first, pair.second)))
