"""Small runs for the tests of the app: a table with patients, sites and sexes, trained in a moment."""

import pandas as pd

import bedside
from bedside.folder import write_json, write_yaml
from cohorts import table
from molecule_tables import table as molecule_table

ROLES = {"target": "outcome", "patient": "patient", "site": "site", "subgroups": ["sex"], "exclude": ["year"]}
SMALL = {
    "model": {"hidden": [4]},
    "train": {"epochs": 4, "patience": 3, "learning_rate": 0.03},
    "evaluation": {"resamples": 100},
    "folds": {"scheme": "crossval", "number": 3},
    "explain": {"samples": 0},
}


def clinic(folder, name="clinic", *, task="binary", **more):
    """A run on `<folder>/data/<task>.csv`, which stays where it is."""
    data = folder / "data" / f"{task}.csv"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        table(60, task=task).to_csv(data, index=False)
    positive = {"positive": "sick"} if task == "binary" else {}
    small = {k: v for k, v in SMALL.items() if "family" not in more or k not in ("model", "train")}
    return bedside.train(data, {**small, **more, "data": {**ROLES, **positive}}, folder=folder / name)


def bare(folder):
    """A folder that passes for a run, with a few files."""
    (folder / "model" / "repeat0-fold0").mkdir(parents=True)
    write_yaml(folder / "settings.yaml", {"family": "mlp"})
    write_json(folder / "environment.json", {"format": 2})
    (folder / "model" / "repeat0-fold0" / "weights.safetensors").write_bytes(bytes(range(256)))
    (folder / "report.html").write_text("<p>A report</p>", encoding="utf-8")
    return folder


def bytes_of(folder):
    """Every file below a folder with its bytes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def rows_tested(run):
    return run.predictions[run.predictions["part"] == "test"]


def new_patients(n=5):
    return pd.DataFrame(table(n, seed=9, visits=1)).drop(columns="outcome")


def molecules():
    """54 molecules of ten scaffolds; "acid" if one has a carboxyl group."""
    return molecule_table().iloc[::3].reset_index(drop=True)


def acids(folder, name="acids", **more):
    """A run on `<folder>/data/molecules.csv`, which stays where it is."""
    data = folder / "data" / "molecules.csv"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        molecules().to_csv(data, index=False)
    small = {"family": "gin", "model": {"width": 8, "layers": 2}, "train": {"epochs": 2},
             "evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0},
             "folds": {"scheme": "crossval", "number": 3, "random_beside": False}}  # fmt: skip
    roles = {"smiles": "smiles", "target": "kind", "positive": "acid"}
    return bedside.train(data, {**small, **more, "data": roles}, folder=folder / name)
