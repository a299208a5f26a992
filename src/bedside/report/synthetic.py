"""The section on what a generative model draws: is it like patients, is it useful, does it give patients away?"""

from typing import Any

from bedside.cohort import Estimate, share_text
from bedside.evaluation.compare import signed
from bedside.folder import Run
from bedside.report.words import metric_name

COLUMNS = {"table": "columns", "image": "measurements of the images"}
MAY_NOT = (
    "to stand in for approval by an ethics committee or for anonymisation: synthetic samples are made of patients' data",
    "to judge a model that will be used on patients: only real patients tell how it does",
    "to estimate how frequent something is, what acts on what, or anything about rare subgroups: what is rare is drawn worst",
    "mixed into test data, or into training data without saying so",
    "shown as real patients: each {one} is marked as synthetic, and the mark must stay",
)
LEAKS = ("membership_model", "membership_samples", "copying")  # tests of what is given away of single patients


def synthetic(run: Run) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None for a model that draws nothing."""
    record = run.synthetic
    if record is None:
        return None
    return {
        "verdicts": record["verdicts"],
        "danger": any(one["level"] == "danger" for one in record["verdicts"]),
        "drawn": f"{sum(record['drawn'].values()):,}",
        "classes": ", ".join(f"{count:,} of class {name}" for name, count in record["drawn"].items()),
        "folds": record["folds"],
        "fewer": sum(record["drawn"].values()) < record.get("learned_from", 0),
        "pictures": record["kind"] == "image",
        "rows": [*_usefulness(record), *_patients(record), *_likeness(record)],
        "may_not": may_not(record),
    }


def may_not(record: dict[str, Any]) -> list[str]:
    """What these samples may not be used for; `record` is tests.json."""
    return [text.format(one="image" if record["kind"] == "image" else "row") for text in MAY_NOT]


def _row(what: str, found: str, reference: str, meaning: str) -> dict[str, str]:
    return {"what": what, "found": found, "reference": reference, "meaning": meaning}


def _usefulness(record: dict[str, Any]) -> list[dict[str, str]]:
    one = record["usefulness"]
    synthetic, real, gap = (Estimate.from_dict(one[name]) for name in ("synthetic", "real", "difference"))
    name = f"{metric_name(one['metric'])} of {one['family']} on real test patients"
    return [
        _row(
            name,
            synthetic.text(),
            real.text(),
            f"learned from synthetic or from real patients; difference {signed(gap)}",
        )
    ]


def _patients(record: dict[str, Any]) -> list[dict[str, str]]:
    copying, attacks = record["copying"], record["membership"]
    if copying is None:
        return []
    closer = Estimate.from_dict(copying["closer"])
    return [
        _row("Attack with the model (AUROC)", Estimate.from_dict(attacks["model"]).text(), "0.5", "training against held-out patients, by how probable the model calls them"),
        _row("Attack with the samples alone (AUROC)", Estimate.from_dict(attacks["samples"]).text(), "0.5", "the same, by the distance to the nearest synthetic sample"),
        _row("Nearest real sample is one of training", closer.text(), "0.5", "among as many training as held-out samples"),
        _row("Median distance to the nearest training sample", f"{copying['median_synthetic']:.3f}", f"{copying['median_held_out']:.3f}", "of synthetic and of held-out samples; smaller than that of held-out ones hints at copies"),
        _row("Nearer than 95\u00a0% of held-out samples", share_text(copying["below_fifth"]), "5\u00a0%", "share of synthetic samples so near a training sample"),
        _row("Equal to a training sample", f"{copying['copies']:,} of {copying['synthetic']:,}", f"{copying['copies_held_out']:,} of {copying['held_out']:,}", f"in every {'cell' if record['kind'] == 'table' else 'pixel'}; held-out samples beside"),
    ]  # fmt: skip


def _likeness(record: dict[str, Any]) -> list[dict[str, str]]:
    rows, pairs = record["columns"], record["pairs"]
    found = []
    if rows:
        mean = {side: sum(row[side] for row in rows) / len(rows) for side in ("synthetic", "real")}
        found.append(
            _row(
                f"Distance of distributions, mean of {len(rows)} {COLUMNS[record['kind']]}",
                f"{mean['synthetic']:.3f}",
                f"{mean['real']:.3f}",
                "from test patients, of synthetic and of training samples: largest gap of distribution functions, or total variation",
            )
        )
    if pairs:
        found.append(
            _row(
                "Difference of associations, mean over pairs",
                f"{pairs['synthetic']:.3f}",
                f"{pairs['real']:.3f}",
                "from test patients, of synthetic and of training samples",
            )
        )
    return found
