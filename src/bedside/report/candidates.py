"""Candidates of a comparison as rows: the best estimate first, and in words which of them the data tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from bedside.cohort import Estimate

ALIKE = "not distinguishable"


@dataclass(frozen=True)
class Candidate:
    """One candidate with its headline estimate; `status` says in words how it stands to the best estimate."""

    name: str
    number: str  # of its folder under fits/
    estimate: Estimate
    folds: np.ndarray  # the headline metric of single folds, (n,), without those that do not define it
    status: str
    worse: bool  # than the best estimate, as far as the data say
    record: dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A tested pair, first minus second."""

    first: str
    second: str
    difference: Estimate
    p: float | None
    p_adjusted: float | None
    delong: Estimate | None
    delong_p: float | None
    test: str
    verdict: str


def ranked(record: dict[str, Any]) -> list[Candidate]:
    """Candidates of comparison.json, the best headline estimate first, undefined ones last."""
    best, names = record["ranking"]["best"], [entry["name"] for entry in record["candidates"]]
    made = [
        Candidate(
            name=entry["name"],
            number=str(entry["folder"]).rpartition("/")[2],
            estimate=headline_of(entry["estimates"], record["headline"]),
            folds=fold_values(entry["per_fold"], record["headline"]["metric"]),
            status=_status(entry["name"], best, everyone=len(best) == len(names)),
            worse=entry["name"] not in best,
            record=entry,
        )
        for entry in record["candidates"]
    ]
    return sorted(made, key=lambda row: inf if row.estimate.value is None else -row.estimate.value)


def _status(name: str, best: Sequence[str], *, everyone: bool) -> str:
    """Where nothing can be told apart nobody is called the best."""
    if name not in best:
        return "worse"
    if everyone or name != best[0]:
        return ALIKE
    return "best" if len(best) == 1 else "best estimate"


def headline_of(estimates: Sequence[dict[str, Any]], headline: dict[str, str]) -> Estimate:
    return next(
        Estimate.from_dict(entry)
        for entry in estimates
        if (entry["metric"], entry["of"]) == (headline["metric"], headline["of"])
    )


def fold_values(per_fold: Sequence[dict[str, Any]], metric: str) -> np.ndarray:
    """Values of one metric over the folds that define it, in the order of repeats and folds."""
    found = [entry["value"] for entry in per_fold if entry["metric"] == metric and entry["value"] is not None]
    return np.array(found, dtype=np.float64)


def pairs_of(record: dict[str, Any], rows: Sequence[Candidate]) -> list[Pair]:
    """Every pair, the higher estimate first, in the order of the rows."""
    place = {row.name: k for k, row in enumerate(rows)}
    pairs = (read_pair(entry) for entry in record["pairs"])
    turned = [pair if place[pair.first] <= place[pair.second] else _turned(pair) for pair in pairs]
    return sorted(turned, key=lambda pair: (place[pair.first], place[pair.second]))


def read_pair(entry: dict[str, Any]) -> Pair:
    """A pair as it was written."""
    beside, difference = entry["delong"], Estimate.from_dict(entry["difference"])
    delong = None
    if beside:
        delong = replace(difference, value=beside["difference"], low=beside["low"], high=beside["high"])
    return Pair(
        first=entry["first"],
        second=entry["second"],
        difference=difference,
        p=entry["p"],
        p_adjusted=entry["p_adjusted"],
        delong=delong,
        delong_p=beside["p"] if beside else None,
        test=entry["test"],
        verdict=entry["verdict"],
    )


def _turned(pair: Pair) -> Pair:
    """The same pair, second minus first."""
    verdict = {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
    return replace(
        pair,
        first=pair.second,
        second=pair.first,
        difference=negated(pair.difference),
        delong=negated(pair.delong) if pair.delong else None,
        verdict=verdict,
    )


def negated(difference: Estimate) -> Estimate:
    value, low, high = (None if x is None else 0.0 - x for x in (difference.value, difference.high, difference.low))
    return replace(difference, value=value, low=low, high=high)
