"""What the molecules of a cohort are: size, elements, properties, scaffolds; and sentences on how they were prepared."""

from typing import Any

from bedside.cohort import minus
from bedside.folder import Run
from bedside.report.words import number, percent

FOREST = "fingerprint-forest"
FOREST_WORDS = "a random forest on fingerprints: trees that ask which fragments a molecule has, without any network"
MOST_UNREADABLE = 10  # named in the page; all are in description.json


def molecule_facts(description: dict[str, Any]) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None for other data."""
    if "molecules" not in description:
        return None
    molecules, samples = description["molecules"], description["samples"]
    return {
        "short": short_facts(description),
        "sizes": [f"{molecules[name]:,.0f}" for name in ("smallest", "median", "largest")],
        "elements": [
            (name, n, percent(n, samples)) for name, n in sorted(molecules["elements"].items(), key=lambda one: -one[1])
        ],
        "rows": [
            {"name": one["name"], **{part: minus(number(one[part])) for part in ("low", "median", "high")}}
            for one in molecules["measured"]
        ],
        "scaffolds": [
            (one["smiles"] or "no ring", one["samples"], percent(one["samples"], samples))
            for one in molecules["scaffolds"]
        ],
        "n_scaffolds": molecules["n_scaffolds"],
        "parts": molecules["parts"],
        "unreadable": molecules["unreadable"][:MOST_UNREADABLE],
        "n_unreadable": len(molecules["unreadable"]),
        "duplicates": _same(description["linked"]),
    }


def _same(linked: dict[str, Any]) -> str:
    if not linked["groups"]:
        return "No compound is there twice."
    groups = "compound" if linked["groups"] == 1 else "compounds"
    return f"{linked['samples']:,} molecules are {linked['groups']:,} {groups} that stand there more than once, as another salt, stereoisomer or tautomer, or as they are."


def short_facts(description: dict[str, Any]) -> str:
    """`2 to 132 atoms, 1,025 scaffolds`: for the line of facts and the card."""
    molecules = description["molecules"]
    scaffolds = "1 scaffold" if molecules["n_scaffolds"] == 1 else f"{molecules['n_scaffolds']:,} scaffolds"
    return f"{molecules['smallest']:,} to {molecules['largest']:,} atoms, {scaffolds}"


def predictors(description: dict[str, Any]) -> str:
    """What a model read of a sample."""
    return f"The model read the structure of each molecule and nothing else ({short_facts(description)})."


def read(description: dict[str, Any]) -> str:
    """The predictors, in a few words."""
    return "the structures of the molecules"


def acquisition(description: dict[str, Any]) -> tuple[str, str]:
    """Where the molecules come from, as far as the file tells, and what to ask of it."""
    return (
        f"{short_facts(description)}.",
        "By which assay, at which dose and by which laboratory was the outcome measured?",
    )


def gaps(*, filled: bool) -> str:
    """What can lack within a sample."""
    return "Structures cannot have gaps; stereochemistry that is not said is read as one form."


def preparation(run: Run) -> str:
    """How a molecule became what the model reads."""
    if run.history is None:
        return "Each molecule became a fingerprint of 2,048 bits: which surroundings of atoms, up to two bonds wide, it has."
    return (
        "Each molecule became a graph: of every atom but hydrogen its element, neighbours, charge, hydrogens, hybridisation, "
        "rings and handedness, and of every bond its kind. Nothing was learned from the data for that."
    )


def augmentation(run: Run) -> str:
    """Molecules are not changed."""
    return ""


def baseline_words(estimates: dict[str, Any]) -> str:
    """What the baseline of molecules is; nothing for other baselines, whose names say it."""
    baseline = estimates["baseline"]
    return FOREST_WORDS if baseline and baseline["family"] == FOREST else ""
