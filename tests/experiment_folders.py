"""Folders of comparisons, learning curves and tunings with made-up predictions, ready for their pages."""

import numpy as np
import pandas as pd

from bedside.evaluation.comparison import compare_candidates
from bedside.evaluation.growth import growth
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.settings import EvaluationSettings
from report_runs import BINARY, NASTY

QUICK = EvaluationSettings(resamples=100)


def predictions_by_skill(task, skills, *, n=150, folds=5, repeats=2, seed=0):
    """Predictions of each skill on the same samples and folds: {skill: table}, and the table of folds.

    A candidate of skill 0 guesses; at equal skill candidates differ by their own small noise only.
    """
    rng = np.random.default_rng(seed)
    code = rng.integers(max(len(task.classes), 1), size=n)
    target = rng.normal(50, 10, n) if task.kind == "regression" else np.array(task.classes, dtype=object)[code]
    shared, parts = rng.normal(size=(n, max(len(task.classes), 1))), []
    for repeat in range(repeats):
        fold = rng.permutation(n) % folds
        for k in range(folds):
            part = np.select([fold == k, fold == (k + 1) % folds], ["test", "valid"], "train")
            parts.append(
                pd.DataFrame({"sample": [f"s{i}" for i in range(n)], "repeat": repeat, "fold": k, "part": part})
            )
    table_of_folds = pd.concat(parts, ignore_index=True)
    used = table_of_folds[table_of_folds["part"] != "train"].reset_index(drop=True)
    rows = used["sample"].str[1:].astype(int).to_numpy()
    tables = {}
    for name, skill in skills.items():
        own = 0.15 * rng.normal(size=(len(rows), shared.shape[1]))
        table = used.assign(patient=[f"p{i}" for i in rows], target=target[rows])
        if task.kind == "regression":
            table["predicted"] = 50 + skill * (target[rows] - 50) + 4 * (shared[rows] + own)[:, 0]
        else:
            logits = skill * np.eye(len(task.classes))[code[rows]] + shared[rows] + own
            table[task.score_columns()] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        tables[name] = table
    return tables, table_of_folds


def _first(table):
    return table[(table["repeat"] == 0) & (table["fold"] == 0)].reset_index(drop=True)


def _history(epochs, floor, *, folds=5, repeats=2):
    """Folds that stop at different epochs."""
    rows = []
    for repeat in range(repeats):
        for fold in range(folds):
            last = epochs - fold
            for epoch in range(1, last + 1):
                loss = floor + 0.5 / epoch + 0.01 * fold
                rows.append({"repeat": repeat, "fold": fold, "epoch": epoch, "train_loss": loss - 0.05, "valid_loss": loss,
                             "train_auroc": 0.9, "valid_auroc": 0.95 - 0.3 / epoch - floor / 10, "learning_rate": 1e-3,
                             "best": int(epoch == max(1, last - 2))})  # fmt: skip
    return pd.DataFrame(rows)


def _begin(folder, kind, task, predictions, folds, *, column=NASTY):
    """What every experiment has beside its fits and its result."""
    table = next(iter(predictions.values()))
    samples = table[table["part"] == "test"].drop_duplicates("sample")[["sample", "patient", "target"]]
    n = len(samples)
    numbers = {"kind": "number", "median": 5.25, "q25": 1.0, "q75": 9.5, "low": -3.0, "high": 20.0, "missing": 0}
    counts = samples["target"].value_counts() if task.classes else {}
    write_json(folder / "description.json", {
        "name": "synthetic", "about": {"source": NASTY, "licence": "none"}, "samples": n, "patients": n,
        "roles": {"target": column, "patient": "patient", "site": None, "time": None, "subgroups": []},
        "task": {"kind": task.kind, "classes": list(task.classes), "positive": task.positive},
        "target": [{"class": c, "samples": int(counts[c]), "patients": int(counts[c])} for c in task.classes]
        or {"median": 50.0, "low": 20.0, "high": 80.0, "q25": 43.0, "q75": 57.0},
        "sites": [], "linked": {"groups": 0, "samples": 0}, "features": [{"name": f"feature_{i}", **numbers} for i in range(4)],
    })  # fmt: skip
    write_json(folder / "environment.json", {
        "format": 2, "versions": {"bedside": "0.1.0", "python": "3.11"}, "seed": 0, "source_path": None, "data_fingerprint": "0" * 64,
        "git": None, "started": "2026-11-22T10:15:00+01:00", "wall_seconds": 321.0, "platform": "any",
    })  # fmt: skip
    write_json(folder / "findings.json", [
        {"level": "warning", "code": "identifier", "message": f"{column} looks odd.", "remedy": "Look at it.", "columns": [column]}
    ])  # fmt: skip
    write_yaml(folder / "asked.yaml", {"kind": kind, "bedside": "0.1.0", "shared": {"source": "my table.csv"}})
    write_table(folder / "cohort.csv", samples)
    write_table(folder / "folds.csv", folds)


def _fit(folder, number, table, settings, history=None, **facts):
    home = folder / "fits" / number
    nested = {"source": "my table.csv", "seed": 0, "folds": {"scheme": "crossval", "number": 5, "repeats": 2}}
    for name, value in settings.items():
        section, _, setting = name.rpartition(".")
        (nested.setdefault(section, {}) if section else nested)[setting] = value
    write_yaml(home / "settings.yaml", nested)
    write_json(home / "environment.json", {"device": "cpu", "threads": 1, "seconds": 2.5, **facts})
    write_table(home / "predictions.csv", table)
    if history is not None:
        write_table(home / "history.csv", history)


def make_comparison(folder, task, skills, *, varied=None, networks=(), n=150, repeats=2, folds=5, holdout=False):
    """A finished comparison of made-up candidates, `skills` by name; `varied` gives the settings of a grid, `holdout` one fold only."""
    predictions, dealt = predictions_by_skill(task, skills, n=n, repeats=repeats, folds=folds)
    if holdout:
        predictions, dealt = {name: _first(table) for name, table in predictions.items()}, _first(dealt)
    _begin(folder, "compare", task, predictions, dealt)
    found = compare_candidates(predictions, task, QUICK, folds=dealt, seed=0)
    for k, entry in enumerate(found["candidates"]):
        name, number = entry["name"], f"{k + 1:02d}"
        settings = {"family": name, **(varied or {}).get(name, {})}
        network = name in networks
        history = _history(8 + k % 5, 0.3 + 0.02 * k, folds=folds, repeats=repeats) if network else None
        facts = {"parameters": 6209 + k} if network else {}
        _fit(folder, number, predictions[name], settings, history, **facts)
        entry |= {"varied": settings, "folder": f"fits/{number}", "seconds": 2.5, "parameters": facts.get("parameters"),
                  "parameters_trained": 130 if network else None}  # fmt: skip
    write_json(folder / "comparison.json", found)
    return Run(folder)


def make_curve(folder, task=BINARY, *, skills=(0.4, 0.8, 1.0, 1.1, 1.15), largest=1000, n=150):
    """A finished learning curve; each size has half the patients of the next."""
    sizes = [largest / 2**k for k in range(len(skills))][::-1]
    predictions, dealt = predictions_by_skill(
        task, {f"{size:.0f}": skill for size, skill in zip(sizes, skills, strict=True)}, n=n
    )
    _begin(folder, "curve", task, predictions, dealt)
    found = compare_candidates(predictions, task, QUICK, folds=dealt, seed=0)
    for k, (entry, size) in enumerate(zip(found["candidates"], sizes, strict=True)):
        number = f"{k + 1:02d}"
        _fit(folder, number, predictions[entry["name"]], {"family": "mlp"}, _history(9, 0.3))
        entry |= {"folder": f"fits/{number}", "patients": size, "samples": 2 * size, "share": size / largest, "seconds": 2.5,
                  "events": None if task.kind == "regression" else 0.3 * size}  # fmt: skip
    found["growth"] = growth(found["candidates"], found["pairs"], found["headline"]["metric"], found["level"])
    write_json(folder / "curve.json", found)
    return Run(folder)


SPACE = {
    "train.learning_rate": {"kind": "log", "low": 1e-4, "high": 1e-2},
    "model.dropout": {"kind": "linear", "low": 0.0, "high": 0.5},
    "model.hidden": {"kind": "choice", "values": [[32], [64, 64], [128, 128, 128]]},
    "train.batch_size": {"kind": "integer", "low": 8, "high": 128},
}


def make_tuning(folder, task=BINARY, *, trials=30, space=SPACE, naive=None, n=150, column=NASTY):
    """A finished tuning whose honest and untuned predictions are made up; `naive` is the figure of its best trial."""
    rng = np.random.default_rng(3)
    predictions, dealt = predictions_by_skill(task, {"tuned": 1.1, "as they are": 1.0}, n=n, repeats=1)
    _begin(folder, "tune", task, predictions, dealt, column=column)
    found = compare_candidates(predictions, task, QUICK, folds=dealt, seed=0)
    honest, untuned = found.pop("candidates")
    headline = found["headline"]
    value = next(
        e["value"] for e in honest["estimates"] if (e["metric"], e["of"]) == (headline["metric"], headline["of"])
    )
    tried = [{name: _drawn(rng, dimension) for name, dimension in space.items()} for _ in range(trials)]
    worth = [None if k == 4 else float(value - 0.15 + 0.15 * rng.beta(4, 1)) for k in range(trials)]
    worth[trials // 2] = value + 0.02 if naive is None else naive
    outer = [{"repeat": 0, "fold": k, "chosen": tried[k], "inner": value + 0.03, "test": e["value"]}
             for k, e in enumerate(e for e in honest["per_fold"] if e["metric"] == headline["metric"])]  # fmt: skip
    _fit(folder, "untuned", predictions["as they are"], {"family": "mlp"}, _history(9, 0.3, repeats=1))
    best = max(v for v in worth if v is not None)
    chosen = tried[worth.index(best)]
    write_yaml(folder / "chosen.yaml", {"family": "mlp", "folds": {"scheme": "crossval", "number": 5, "repeats": 1}})
    write_json(folder / "tuning.json", {
        **{key: found[key] for key in ("task", "n", "level", "resamples", "headline")}, "family": "mlp", "trials": trials, "space": space,
        "honest": honest, "naive": {"value": best, "what": f"the best of {trials} trials, cross-validated on all patients"},
        "optimism": {"value": best - value}, "untuned": untuned, "pair": found["pairs"][0], "chosen": chosen, "chosen_settings": "chosen.yaml",
        "outer": outer, "all": [{"number": k, "values": v, "value": w} for k, (v, w) in enumerate(zip(tried, worth, strict=True))],
        "sentences": [f"Settings chosen by {trials} trials.", "The best trial itself says more.", "Tuned settings are not distinguishable from the settings as they were."],
    })  # fmt: skip
    return Run(folder)


def _drawn(rng, dimension):
    if dimension["kind"] == "choice":
        return dimension["values"][rng.integers(len(dimension["values"]))]
    low, high = dimension["low"], dimension["high"]
    if dimension["kind"] == "log":
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return int(rng.integers(low, high + 1)) if dimension["kind"] == "integer" else float(rng.uniform(low, high))
