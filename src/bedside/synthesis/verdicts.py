"""What the tests of a synthetic cohort allow to say, worst first."""

from typing import Any

from scipy.stats import fisher_exact

from bedside.cohort import Estimate, share_text
from bedside.evaluation.compare import signed
from bedside.evaluation.metrics import LABELS

ONE = {"table": "column", "image": "measurement"}  # what distributions are compared of
ATTACKERS = {  # what each has beside a patient's record, and what is not to be given away if that is enough
    "model": ("the model", "this model"),
    "samples": ("only the synthetic cohort", "these samples"),
}
COPIES = (("copies", "synthetic"), ("copies_held_out", "held_out"))  # that are equal, of how many
CHANCE = 0.025  # probability of as many copies without copying, below which they are not put down to chance
USABLE = 0.02  # of AUROC or R2: what training on synthetic samples may cost before it is called worse
ALIKE = 0.05  # of a distance between distributions or of an association, 0 to 1, beyond what chance makes


def verdicts(record: dict[str, Any]) -> list[dict[str, str]]:
    """One sentence for each test of tests.json, with its level: "danger", "warning" or "fine"; worst first."""
    found = [
        _attacked(record["membership"], "model"),
        _attacked(record["membership"], "samples"),
        _copying(record["copying"], "pixel" if record["kind"] == "image" else "cell"),
        _useful(record["usefulness"]),
        _columns(record["columns"], ONE[record["kind"]]),
        _pairs(record["pairs"], ONE[record["kind"]]),
    ]
    order = {"danger": 0, "warning": 1, "fine": 2}
    return sorted((one for one in found if one is not None), key=lambda one: order[one["level"]])


def _said(test: str, level: str, sentence: str) -> dict[str, str]:
    return {"test": test, "level": level, "sentence": sentence}


def _attacked(attacks: dict[str, Any] | None, test: str) -> dict[str, str] | None:
    """What an attacker of `ATTACKERS` finds out about who was learned from."""
    if attacks is None:
        return None
    one = Estimate.from_dict(attacks[test])
    has, kept = ATTACKERS[test]
    who = f"An attacker who has {has} and a patient's record"
    name = f"membership_{test}"
    if one.low is None:
        return _said(name, "warning", f"{who} could not be tried: {one.method}.")
    if one.low > 0.5:
        told = f"{who} tells training patients from others with AUROC {one.text()}: do not give {kept} away."
        return _said(name, "danger", told)
    told = f"{who} tells training patients from others no better than guessing: AUROC {one.text()}. This was one attacker; it is no proof."
    return _said(name, "fine", told)


def _copying(copying: dict[str, Any] | None, cell: str) -> dict[str, str] | None:
    if copying is None:
        return None
    share = Estimate.from_dict(copying["closer"])
    copies, usual = copying["copies"], copying["copies_held_out"]
    rate, natural = copies / copying["synthetic"], usual / copying["held_out"]
    exact = f"{copies:,} of {copying['synthetic']:,} equal a training sample in every {cell}"
    exact += f" ({usual:,} of {copying['held_out']:,} held-out patients do)" if usual else ""
    told = f"{_percent(share)} of the synthetic samples have a training sample as nearest real one, 50\u00a0% would without copying; {exact}."
    if copies and rate > natural + 0.01:
        beside = exact if usual else f"{exact} (none of {copying['held_out']:,} held-out patients does)"
        if _beyond_chance(copying):
            return _said("copying", "danger", f"It copies patients: {beside}. Do not give these samples away.")
        if share.low is None or share.low <= 0.5:
            told = f"{beside}. That may be chance, where few values are possible, or copying: look at them before you give any away."
            return _said("copying", "warning", f"Some are the same as patients: {told}")
    if share.low is not None and share.low > 0.5:
        return _said("copying", "danger", f"It leans on single training patients: {told}")
    if share.low is None:
        return _said("copying", "warning", f"Too few patients to tell whether it copies. {told}")
    return _said("copying", "fine", f"No copying was seen: {told}")


def _beyond_chance(copying: dict[str, Any]) -> bool:
    """Whether synthetic samples equal training samples more often than held-out patients do (Fisher's exact test, one-sided)."""
    equal = [(copying[some], copying[every] - copying[some]) for some, every in COPIES]
    return float(fisher_exact(equal, alternative="greater").pvalue) < CHANCE


def _percent(one: Estimate) -> str:
    """`52 % [48 %, 56 %]`."""
    text = share_text(one.value or 0.0)
    return text if one.low is None or one.high is None else f"{text} [{share_text(one.low)}, {share_text(one.high)}]"


def _useful(useful: dict[str, Any]) -> dict[str, str]:
    synthetic, real, difference = (Estimate.from_dict(useful[name]) for name in ("synthetic", "real", "difference"))
    name = LABELS[synthetic.metric]
    what = f"{'an' if useful['family'][0] in 'aeiou' else 'a'} {useful['family']} model that learned from synthetic patients scores {name} {synthetic.text()} on real ones, {real.text()} if it learned from real patients (difference {signed(difference)})"
    if difference.low is None or difference.value is None:
        return _said("usefulness", "warning", f"Too few patients to compare: {what}.")
    if useful["verdict"] == "worse" and difference.value < -USABLE:
        return _said("usefulness", "warning", f"Something that predicts was lost: {what}.")
    if difference.low >= -USABLE:
        return _said("usefulness", "fine", f"What predicts was kept: {what}.")
    return _said("usefulness", "fine" if useful["verdict"] != "worse" else "warning", f"{what[0].upper()}{what[1:]}.")


def _columns(rows: list[dict[str, Any]], one: str) -> dict[str, str] | None:
    if not rows:
        return None
    worst = max(rows, key=lambda row: row["synthetic"] - row["real"])
    mean = {side: sum(row[side] for row in rows) / len(rows) for side in ("synthetic", "real")}
    off = [row for row in rows if row["synthetic"] - row["real"] > ALIKE]
    told = f"on average the distributions of {len(rows)} {one}s lie {mean['synthetic']:.2f} from those of test patients, those of training patients {mean['real']:.2f}"
    if off:
        named = f"{len(off)} of {len(rows)} {one}s are distributed otherwise than in patients, most '{worst['column']}' ({worst['synthetic']:.2f} against {worst['real']:.2f} by chance)"
        return _said("columns", "warning", f"{named}; {told}.")
    return _said("columns", "fine", f"{told[0].upper()}{told[1:]}.")


def _pairs(pairs: dict[str, float] | None, one: str) -> dict[str, str] | None:
    if pairs is None:
        return None
    told = f"associations of pairs of {one}s differ by {pairs['synthetic']:.2f} from those in test patients, by {pairs['real']:.2f} in training patients"
    if pairs["synthetic"] - pairs["real"] > ALIKE:
        return _said(
            "pairs", "warning", f"{one.capitalize()}s depend on each other otherwise than in patients: {told}."
        )
    return _said("pairs", "fine", f"{told[0].upper()}{told[1:]}.")
