"""Where the truth is known: does the heat lie on the artefact or on the finding, and what is left without the artefact?

Only generated samples know. Two questions with numbers for answers: how much of the heat lies on each thing that the
generator drew, against the share of the sample that it covers; and how good the network is on the same samples with an
artefact taken away, against the samples as they are. Every verdict follows from an interval over patients; where that
is too wide, the verdict is that nothing can be said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.ndimage import binary_dilation

from bedside.cohort import Cohort, Estimate, KnownTruth
from bedside.evaluation import panels
from bedside.evaluation.compare import FEWEST, differences, judge, signed
from bedside.evaluation.intervals import Panel, estimates, resample, wilson
from bedside.evaluation.metrics import LABELS
from bedside.evaluation.statistics import Metric, mean
from bedside.explain import attribution
from bedside.explain.sight import Sight
from bedside.seeds import derive

MAPPED, MAPPED_SLOWLY = 48, 12  # test samples that show a thing, drawn by chance, whose maps are measured
SCORED = 600  # test samples that are scored with and without an artefact
MARGIN = 0.05  # of the side, around each mask: the places of a map are coarser than pixels
MATTERS = 0.05  # a change that no interval may hide before "no sign" is said
LEVEL, RESAMPLES = 0.95, 2000
DECIDE = ("balanced_accuracy", "auroc")  # a fall in either exposes a shortcut
LEVEL_OF_TWO = 1 - (1 - LEVEL) / len(DECIDE)  # so that both together err no more often than one at `LEVEL` (Bonferroni)
CHUNK = 64
ON, OFF, EVEN, FEW = "more than chance", "less than chance", "no more than chance", "too few to tell"
FALLS, RISES, NO_SIGN = "falls", "rises", "no sign"
_TOLD = {
    "binary": ("auroc", "accuracy", "balanced_accuracy", "sensitivity", "specificity"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy"),
}


_Three = tuple[Estimate, Estimate, Estimate]  # as they are, without the artefact, and the difference


class Eye(Protocol):
    """How samples of one kind are looked at, and what they are called."""

    thing: str  # "image"
    mark: str  # "heat": what a map puts on it

    def shares(
        self, sight: Any, inputs: Any, shown: np.ndarray, masks: np.ndarray, method: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each sample the heat inside its mask and a margin, all of its heat, and the share of the sample that mask and
        margin cover, (n,) each.

        Args:
            sight: the member that tested them.
            inputs: the samples.
            shown: outputs whose evidence is mapped, (n,).
            masks: where the thing is, one of each sample.
            method: of the maps.
        """
        ...

    def both(self, sight: Any, plain: Any, bare: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores of samples as they are, (n, classes), without the artefact, and which of them that changes, (n,)."""
        ...


class ImageEye:
    """See `Eye`."""

    thing, mark = "image", "heat"

    def shares(
        self, sight: Sight, inputs: Any, shown: np.ndarray, masks: np.ndarray, method: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pixels = sight.pixels(inputs)
        if method == "occlusion":
            maps = attribution.occlude(sight, pixels, shown)
        else:
            maps = attribution.maps(method, sight.classifier, sight.normalised(pixels), shown)
        inside = np.stack([framed(sight, mask) for mask in masks])
        return (maps * inside).sum(axis=(1, 2)), maps.sum(axis=(1, 2)), inside.mean(axis=(1, 2))

    def both(self, sight: Sight, plain: Any, bare: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before, after = sight.pixels(plain), sight.pixels(bare)
        sha256 = plain.records["sha256"].to_numpy()  # with and without: the same versions
        differ = (before != after).any(axis=(1, 2, 3))
        scores = sight.probabilities(before, sha256)
        others = scores.copy()
        if differ.any():
            others[differ] = sight.probabilities(after[differ], sha256[differ])
        return scores, others, differ


@dataclass(frozen=True)
class Scene:
    """The test samples of the first repeat as `choose.decided` gives them, and who tested each."""

    cohort: Cohort
    table: pd.DataFrame
    sights: Mapping[str, Any]
    names: pd.Series  # of the sight of each sample; same index as `table`
    thresholds: list[dict[str, Any]]
    eye: Eye = field(default_factory=ImageEye)

    def rows(self, table: pd.DataFrame) -> np.ndarray:
        """Their rows in the cohort."""
        return np.asarray(self.cohort.samples.index.get_indexer(pd.Index(table["sample"])))


def measure(tested: Scene, truth: KnownTruth, method: str, seed: int) -> dict[str, Any]:
    """The record of truth.json, in plain values.

    Args:
        tested: what was tested by whom.
        truth: of every sample of the cohort.
        method: of the maps.
        seed: drives which samples are measured, and the resampling of patients.
    """
    heat = [_heat(tested, name, truth, method, derive(seed, 0, k)) for k, name in enumerate(truth.masks)]
    told = _TOLD.get(tested.cohort.task.kind)
    without = [
        _without(tested, name, inputs, derive(seed, 1, k))
        for k, (name, inputs) in enumerate(truth.without.items() if told else ())
    ]
    sentences = [record["sentence"] for record in (*without, *heat)]
    if list(tested.sights) == ["everything"]:
        sentences.append(
            f"All of this is measured on {tested.eye.thing}s that the final fit was trained on, so it is better than, and not to be set beside, the estimates on tested {tested.eye.thing}s."
        )
    exposed = [record["name"] for record in without if record["exposed"]]
    record = {"heat": heat, "without": without, "exposed": exposed, "sentences": sentences}
    return {
        **record,
        "margin": MARGIN,
        "matters": MATTERS,
        "level": LEVEL,
        "level_of_two": LEVEL_OF_TWO,
        "resamples": RESAMPLES,
        "method": method,
    }


# Where the heat lies


def _heat(tested: Scene, name: str, truth: KnownTruth, method: str, seed: int) -> dict[str, Any]:
    """Share of the heat inside one mask and its margin, against their share of the area, over the images that show it."""
    masks = truth.masks[name]
    drawn = tested.table.iloc[np.random.default_rng(seed).permutation(len(tested.table))]
    drawn = drawn[masks[tested.rows(drawn)].reshape(len(drawn), -1).any(axis=1)].drop_duplicates("unit")
    drawn = drawn.head(MAPPED_SLOWLY if method in attribution.SLOW else MAPPED).sort_index()
    found = [
        _shares(tested, sight, drawn[tested.names[drawn.index] == key], masks, method)
        for key, sight in tested.sights.items()
    ]
    shares = pd.concat(found) if found else pd.DataFrame(columns=["unit", "heat", "area"])
    record: dict[str, Any] = {"name": name, "artefact": name in truth.without}
    numbers = _means(shares.assign(excess=shares["heat"] - shares["area"]), derive(seed, 1))
    verdict = _placed(numbers["excess"])
    record |= {key: estimate.to_dict() for key, estimate in numbers.items()}
    return {**record, "verdict": verdict, "sentence": _heat_words(name, numbers, verdict, tested.eye)}


def _shares(tested: Scene, sight: Any, rows: pd.DataFrame, masks: np.ndarray, method: str) -> pd.DataFrame:
    """Patient, share of the heat and share of the area of each sample whose map has heat and whose mask is in the frame."""
    if rows.empty:
        return pd.DataFrame({"unit": [], "heat": [], "area": []}).astype({"unit": object})
    places, shown = tested.rows(rows), rows["shown"].to_numpy(dtype=np.int64, copy=True)
    inside, total, area = tested.eye.shares(sight, tested.cohort.inputs.take(places), shown, masks[places], method)
    kept = (total > 0) & (area > 0)
    heat = inside[kept] / total[kept]
    return pd.DataFrame({"unit": rows["unit"].to_numpy(dtype=object)[kept], "heat": heat, "area": area[kept]})


def framed(sight: Sight, mask: np.ndarray) -> np.ndarray:
    """A mask (height, width) as the network's frame cuts it, with a margin around it, (size, size) bool; empty if cut off."""
    inside = sight.preparation.prepare_one(mask.astype(np.uint8) * 255)[..., 0] > 127
    return np.asarray(binary_dilation(inside, iterations=max(1, round(MARGIN * len(inside)))))


def _means(shares: pd.DataFrame, seed: int) -> dict[str, Estimate]:
    """Mean of each column over samples with its interval over patients; no interval below `FEWEST` of them."""
    columns = ["heat", "area", "excess"]
    if shares.empty:
        why = "not defined: no map has heat where this can be seen"
        return {name: Estimate(name, None, None, None, LEVEL, 0, 0, why) for name in columns}
    numbers = pd.factorize(shares["unit"])[0]
    panel = Panel([mean(name, shares[name].to_numpy()) for name in columns], numbers, int(numbers.max()) + 1)
    values = panel(np.ones((1, panel.n_patients)))[0]
    if panel.n_patients < FEWEST:
        n, why = (panel.n_patients, len(shares)), f"no interval: {panel.n_patients} patients, {FEWEST} are needed"
        return {
            name: Estimate(name, float(value), None, None, LEVEL, *n, why)
            for name, value in zip(columns, values, strict=True)
        }
    draws = resample(panel, np.bincount(numbers)[:, None], resamples=RESAMPLES, seed=seed)
    return dict(zip(columns, estimates([panel], values, draws, level=LEVEL), strict=True))


def _placed(excess: Estimate) -> str:
    """What the interval of share of heat minus share of area allows to say."""
    if excess.low is None or excess.high is None:
        return FEW
    return ON if excess.low > 0 else OFF if excess.high < 0 else EVEN


def _heat_words(name: str, numbers: Mapping[str, Estimate], verdict: str, eye: Eye) -> str:
    heat, area = numbers["heat"], numbers["area"]
    if heat.value is None or area.value is None:
        return f"Too few {eye.thing}s to tell whether the {eye.mark} lies on the {name}."
    images = f"{heat.n_samples} {eye.thing if heat.n_samples == 1 else f'{eye.thing}s'} that {'shows' if heat.n_samples == 1 else 'show'} one"
    fact = f"{_percent(heat)} of the {eye.mark} lies on the {name} and its margin, which cover {_percent(area, interval=False)} of the {eye.thing}"
    meaning = {
        ON: "more than chance would put there",
        OFF: "less than chance would put there",
        EVEN: "no more than chance would put there",
        FEW: "too few to tell whether that is more than chance",
    }
    return f"{fact}: {meaning[verdict]} ({images})."


def _percent(estimate: Estimate, *, interval: bool = True) -> str:
    """`45 % [38, 52]`."""
    assert estimate.value is not None
    text = f"{100 * estimate.value:.0f}\u00a0%"
    if not interval or estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


# What is left without the artefact


def _without(tested: Scene, name: str, inputs: Any, seed: int) -> dict[str, Any]:
    """How good the members are on the images that they tested, as they are and without one artefact; paired."""
    task, table = tested.cohort.task, tested.table
    kept = np.random.default_rng(seed).permutation(len(table))[:SCORED]
    table = table.iloc[np.sort(kept)]
    scores, changed = _scores(tested, table, inputs)
    patients = pd.factorize(table["unit"])[0]
    sides = [_panel(tested, table, side, patients) for side in scores]
    draws = resample(
        lambda times: np.concatenate([side(times) for side in sides], axis=1),
        panels.presence(table, task, patients),
        resamples=RESAMPLES,
        seed=derive(seed, 1),
    )
    drawn = np.split(draws, 2, axis=1)
    values = [side(np.ones((1, side.n_patients)))[0] for side in sides]
    found = [_estimates(*side) for side in zip(sides, values, drawn, strict=True)]
    bounds = [_estimates(*side, level=1 - (1 - LEVEL_OF_TWO) / 2) for side in zip(sides, values, drawn, strict=True)]
    paired = differences(sides[0], values[1] - values[0], drawn[1] - drawn[0], found[1], level=LEVEL_OF_TWO)
    paired = [_at_the_edge(*three) for three in zip(paired, *bounds, strict=True)]
    paired = [_if_nothing_moved(one, table, changed) for one in paired]
    n = {"samples": len(table), "changed": int(changed.sum()), "patients": int(table["unit"][changed].nunique())}
    doubt = _doubt(name, table, n["patients"])
    verdicts = {
        three: _verdict(three[2], doubt) for three in zip(*found, paired, strict=True) if three[2].metric in DECIDE
    }
    verdict = next((said for said in (FALLS, RISES, FEW) if said in verdicts.values()), NO_SIGN)
    rows = [
        {"metric": one.metric, "of": one.of, "as_they_are": one.to_dict(), "without": other.to_dict(), "difference": difference.to_dict()}
        for one, other, difference in zip(*found, paired, strict=True)
    ]  # fmt: skip
    return {
        "name": name,
        "n": n,
        "decided_by": list(DECIDE),
        "metrics": rows,
        "verdict": verdict,
        "exposed": verdict == FALLS,
        "sentence": _words(
            name, [three for three in verdicts if verdicts[three] == verdict], verdict, doubt, n, tested.eye.thing
        ),
    }


def _scores(tested: Scene, table: pd.DataFrame, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Scores as they are and without the artefact, (2, n, classes), and which images it changes, (n,)."""
    scores = np.zeros((2, len(table), len(tested.cohort.task.classes)))
    changed = np.zeros(len(table), dtype=bool)
    names = tested.names[table.index].to_numpy(dtype=object)
    for name, sight in tested.sights.items():
        mine = np.flatnonzero(names == name)
        for start in range(0, len(mine), CHUNK):
            rows = mine[start : start + CHUNK]
            places = tested.rows(table.iloc[rows])
            plain, bare = tested.cohort.inputs.take(places), inputs.take(places)
            scores[0, rows], scores[1, rows], changed[rows] = tested.eye.both(sight, plain, bare)
    return scores, changed


def _panel(tested: Scene, table: pd.DataFrame, scores: np.ndarray, patients: np.ndarray) -> Panel:
    """The metrics that are told, of scores (n, classes); the decision is taken at the frozen thresholds."""
    task = tested.cohort.task
    scored = table.assign(**dict(zip(task.score_columns(), scores.T, strict=True)))
    metrics: list[Metric] = panels.metrics_of(scored, task, tested.thresholds)
    told = [metric for metric in metrics if metric.name in _TOLD[task.kind] and metric.of in ("", "macro")]
    return Panel(told, patients, int(patients.max()) + 1)


def _estimates(panel: Panel, values: np.ndarray, draws: np.ndarray, level: float = LEVEL_OF_TWO) -> list[Estimate]:
    return estimates([panel], values, draws, level=level)


def _at_the_edge(difference: Estimate, one: Estimate, other: Estimate) -> Estimate:
    """The difference as it is; but next to a value of exactly 0 or 1, which resampling only repeats, from two intervals.

    Each of them misses with half the chance, so both together hold at the level of the difference (Bonferroni).
    """
    ends = (one.low, one.high, other.low, other.high)
    if not {one.value, other.value} & {0.0, 1.0} or any(end is None for end in ends):
        return difference
    low_one, high_one, low, high = (float(end) for end in ends if end is not None)
    method = "from the intervals of both, because resampling can only repeat a value of exactly 0 or 1"
    return replace(difference, low=low - high_one, high=high - low_one, method=method)


def _if_nothing_moved(difference: Estimate, table: pd.DataFrame, changed: np.ndarray) -> Estimate:
    """An interval for a difference of 0 in every resample, from the number of patients whose images were changed.

    None of their decisions moved, so at most Wilson's bound of 0 among them would; times their largest share of a class.
    A pair that AUROC compares has two members, either of which might have moved.
    """
    if difference.value != 0 or difference.low is not None or not changed.any():
        return difference
    n = int(table["unit"][changed].nunique())
    share = float(pd.Series(changed).groupby(table["target"].to_numpy()).mean().max())
    most = wilson(0, n, level=LEVEL_OF_TWO)[1] * share * (2 if difference.metric == "auroc" else 1)
    method = f"nothing moves in any resample; Wilson's bound from the {n} patients whose images were changed"
    return replace(difference, low=-most, high=most, method=method)


def _doubt(name: str, table: pd.DataFrame, changed: int) -> str:
    """Why no verdict can be given, or nothing."""
    few = table.groupby("target")["unit"].nunique()
    if (few < FEWEST).any() or len(few) < 2:
        short = few[few < FEWEST] if (few < FEWEST).any() else few
        counts = ", ".join(f"{count} of class {label}" for label, count in short.items())
        return f"fewer than {FEWEST} tested patients of a class ({counts})"
    return f"only {changed} tested patients have a {name} to take away" if changed < FEWEST else ""


def _verdict(difference: Estimate, doubt: str) -> str:
    """What the interval of the difference, without the artefact minus as they are, allows to say."""
    if doubt or difference.low is None or difference.high is None:
        return FEW
    judged = judge(difference)
    if judged != "not distinguishable":
        return FALLS if judged == "worse" else RISES
    return NO_SIGN if difference.low > -MATTERS and difference.high < MATTERS else FEW


def _words(name: str, told: list[_Three], verdict: str, doubt: str, n: Mapping[str, int], thing: str) -> str:
    """The verdict with the measures that led to it, each as it is, without the artefact, and the difference."""
    images = f"{n['changed']} of {n['samples']} tested {thing}s have one"
    if any(difference.value is None for _, _, difference in told):
        return f"Whether the network uses the {name} cannot be told: {LABELS[told[0][0].metric]} is not defined ({images})."
    if verdict in (FALLS, RISES):
        facts = " and ".join(_change(*three, verdict) for three in told)
        meaning = {FALLS: f"the network uses the {name}", RISES: f"the {name} misleads the network"}[verdict]
        return f"Without the {name} {facts}; {images}: {meaning}."
    facts = " and ".join(_fact(*three) for three in told)
    if verdict == NO_SIGN:
        end = f"no sign that the network uses the {name}, a change of {MATTERS} or more is excluded"
    else:
        end = f"too few to tell whether the network uses the {name}, {doubt or _possible([three[2] for three in told])}"
    return f"Without the {name} {facts}; {images}: {end}."


def _change(one: Estimate, other: Estimate, difference: Estimate, verdict: str) -> str:
    return f"{LABELS[one.metric]} {verdict} from {one.text()} to {other.text()} (difference {signed(difference)})"


def _fact(one: Estimate, other: Estimate, difference: Estimate) -> str:
    return f"{LABELS[one.metric]} is {other.text()}, with it {one.text()} (difference {signed(difference)})"


def _possible(changes: list[Estimate]) -> str:
    """What wide intervals leave open."""
    ends = [abs(end) for change in changes for end in (change.low, change.high) if end is not None]
    return f"a change of {max(ends):.2f} cannot be excluded" if ends else "there is no interval"
