"""What the network looked at: explained test samples in three groups, and the checks that their maps had to pass.

Images travel inside the page. All images of a report together stay below a limit, so that the page can be sent by
mail: when there are too many, they become smaller first, then fewer, and the page says so.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.cohort import Estimate, level_text, minus
from bedside.data.description import kind_of
from bedside.errors import RunError
from bedside.folder import Run
from bedside.report.words import metric_name

MOST_BYTES = 3_200_000  # of all images of a page, before base64 adds a third
SMALLER = ((224, 70), (160, 60))  # longest side in pixels, WebP quality: tried in this order when space is short

GROUPS = {
    "right and confident": "Does it look where a clinician would, when all goes well?",
    "wrong and confident": "The surest errors: what misled it?",
    "unsure": "Scores that could have gone either way: what pulled in each direction?",
}
NONE = {
    "right and confident": "No right decision was confident: none lies halfway or more from the threshold to certainty.",
    "wrong and confident": "No error was confident: none lies halfway or more from the threshold to certainty.",
    "unsure": "No decision was unsure: all lie at least halfway from the threshold to certainty.",
}
METHODS = {
    "grad-cam": ("Grad-CAM", "Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74"),
    "attention": ("attention rollout", "Abnar and Zuidema 2020, doi:10.18653/v1/2020.acl-main.385"),
    "integrated-gradients": ("integrated gradients", "Sundararajan et al. 2017, arXiv:1703.01365"),
    "reconstruction error": ("reconstruction error", "Hinton and Salakhutdinov 2006, doi:10.1126/science.1127647"),
    "denoising error": ("denoising error by class", "Li et al. 2023, arXiv:2303.16203"),
    "occlusion": ("occlusion", "Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53"),
}
CHECKS = {
    "randomised weights": "A network with random weights knows nothing. A map that stays the same for it shows the "
    "{thing}, not what was learned (Adebayo et al. 2018, arXiv:1810.03292).",
    "deletion": "If the highlighted {parts} matter, deleting them must lower the score faster than deleting as many "
    "random ones (Petsiuk et al. 2018, arXiv:1806.07421).",
}
IMAGES = {
    "thing": "image",
    "things": "images",
    "parts": "pixels",
    "mark": "heat",
    "marks": "The heat shows",
    "covered": "each part of the image is covered",
}
RECORDINGS = {
    "thing": "recording",
    "things": "recordings",
    "parts": "parts",
    "mark": "colour",
    "marks": "The colour behind a recording shows",
    "covered": "each part of the recording is replaced by a straight line",
}
MOLECULES = {
    "thing": "molecule",
    "things": "molecules",
    "parts": "atoms",
    "mark": "colour",
    "marks": "The colour behind an atom shows",
    "covered": "each atom is made unknown, all but its bonds,",
}
_THINGS = {"image": IMAGES, "signal": RECORDINGS, "graph": MOLECULES}
_PICTURES = ("image", "back", "map", "occlusion")
_MIME = {
    ".webp": "image/webp",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Picture:
    """One image as the page holds it."""

    kind: str  # "image", "back" (given back), "map" or "occlusion"
    title: str
    alt: str
    data: str  # a data: address


def gallery(run: Run) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None if nothing was explained.

    Raises:
        RunError: if an image that samples.csv names is not in the run folder.
    """
    known, table, sanity = verdicts(run), run.explanations, run.sanity
    if known is None or table is None or sanity is None:
        return None
    files = {row: _files(run, dict(record)) for row, record in table.iterrows()}
    shown, size, quality = _fitting(table, files)
    names = list(dict.fromkeys([*GROUPS, *table["group"]]))
    method, source = METHODS.get(sanity["method"], (str(sanity["method"]), ""))
    words = {"method": method, "what": str(sanity["what"]), **_words(run)}
    cards = {
        row: _card(run, dict(record), files[row], words, size, quality)
        for row, record in table.iterrows()
        if row in shown
    }
    return {
        **words,
        "source": source,
        **known,
        "truth": truth(run),
        "sentences": sanity.get("sentences", []),
        "colours": _colours(sanity.get("colours", [])),
        "groups": [
            {
                "name": name,
                "question": GROUPS.get(name, ""),
                "cards": [cards[row] for row in table.index[table["group"] == name] if row in cards],
                "none": NONE.get(name, "None of the explained samples belongs here."),
                "explained": int((table["group"] == name).sum()),
            }
            for name in names
        ],
        "shown": len(cards),
        "size": size,
        "gives_back": "back" in table,
        "figures": [name for name in ("deletion", "agreement") if name in table and table[name].notna().any()],
    }


def verdicts(run: Run) -> dict[str, Any] | None:
    """How many samples were explained, and what the checks said of the maps; None if nothing was explained."""
    table, sanity = run.explanations, run.sanity
    if table is None or sanity is None or not len(table):
        return None
    checks = [_check(check, _words(run)) for check in sanity["checks"]]
    failed = [check["name"] for check in checks if not check["passed"]]
    return {"explained": len(table), "checks": checks, "failed": failed}


def _words(run: Run) -> dict[str, str]:
    """What samples and their parts are called."""
    return _THINGS.get(kind_of(run.description), IMAGES)


def truth(run: Run) -> dict[str, Any] | None:
    """What is known of generated images beside what the network did, for two small tables; None for real images."""
    record = run.truth
    if record is None:
        return None
    warnings = [found["sentence"] for found in record["without"] if found["exposed"]]
    return {
        "exposed": record["exposed"],
        "warnings": warnings,
        "sentences": [sentence for sentence in record["sentences"] if sentence not in warnings],
        "level": level_text(record["level"]),
        "level_of_two": level_text(record["level_of_two"]),
        "margin": f"{100 * record['margin']:.0f}\u00a0%",
        "heat": [_heat(found) for found in record["heat"]],
        "without": [
            {
                "name": found["name"],
                "n": found["n"],
                "rows": [_paired(row, found["decided_by"]) for row in found["metrics"]],
            }
            for found in record["without"]
        ],
    }


def _heat(found: dict[str, Any]) -> dict[str, Any]:
    """A row: share of the heat and of the area, both drawn on one scale."""
    heat, area = (Estimate.from_dict(found[name]) for name in ("heat", "area"))
    places: dict[str, Any] = {"value": heat.value, "start": heat.low, "end": heat.high, "ideal": area.value}
    return {
        "name": found["name"],
        "heat": _share(heat),
        "area": _share(Estimate(**{**area.__dict__, "low": None, "high": None})),
        "images": heat.n_samples,
        "verdict": found["verdict"],
        "plot": None if None in places.values() else {name: round(100 * place, 2) for name, place in places.items()},
    }


def _share(estimate: Estimate) -> dict[str, str]:
    """`45 %` and `[38, 52]`, the second only if there is an interval."""
    if estimate.value is None:
        return {"value": "not defined", "interval": ""}
    known = estimate.low is not None and estimate.high is not None
    interval = f"[{100 * float(estimate.low or 0):.0f}, {100 * float(estimate.high or 0):.0f}]" if known else ""
    return {"value": f"{100 * estimate.value:.0f}\u00a0%", "interval": interval}


def _paired(row: dict[str, Any], decided_by: list[str]) -> dict[str, Any]:
    """A row: the measure as the images are, without the artefact, and the difference."""
    name = metric_name(row["metric"]) + (f", {row['of']}" if row["of"] else "")
    numbers = {key: Estimate.from_dict(row[key]) for key in ("as_they_are", "without", "difference")}
    return {"name": name, "decides": row["metric"] in decided_by, **numbers}


def _files(run: Run, record: dict[str, Any]) -> dict[str, Path]:
    """The images of one sample; a method that is occlusion itself has no second map."""
    names = {kind: record[kind] for kind in _PICTURES if isinstance(record.get(kind), str)}
    for name in names.values():
        path = run.path / "explanations" / name
        if Path(name).name != name or path.suffix not in _MIME or not path.is_file():
            raise RunError(
                f"{run.path} has no image explanations/{name}, which explanations/samples.csv names. "
                f"Make the explanations again: `bedside explain {run.path}`."
            )
    return {kind: run.path / "explanations" / name for kind, name in names.items()}


def _fitting(table: pd.DataFrame, files: dict[Any, dict[str, Path]]) -> tuple[set[Any], int | None, int]:
    """Rows to show, longest side in pixels (None: as they are) and quality, so that all images stay below the limit."""
    for size, quality in ((None, 0), *SMALLER):
        weights = {
            row: sum(len(_content(path, size, quality)) for path in paths.values()) for row, paths in files.items()
        }
        if sum(weights.values()) <= MOST_BYTES:
            return set(weights), size, quality
    shown, total = set(), 0
    for row in _alternating(table):
        total += weights[row]
        if total > MOST_BYTES:
            break
        shown.add(row)
    return shown, size, quality


def _alternating(table: pd.DataFrame) -> Iterator[Any]:
    """Rows with the groups taking turns, so that none is left out when space is short."""
    groups = [list(rows.index) for _, rows in table.groupby("group", sort=False)]
    return (row for row in chain.from_iterable(zip_longest(*groups)) if row is not None)


def _content(path: Path, size: int | None, quality: int) -> bytes:
    """The file as it is, or a smaller WebP of it."""
    if size is None or path.suffix == ".svg":
        return path.read_bytes()
    from PIL import Image

    with Image.open(path) as image:
        image.thumbnail((size, size))
        buffer = BytesIO()
        image.convert("RGB").save(buffer, "WEBP", quality=quality)
    return buffer.getvalue()


def _card(
    run: Run, record: dict[str, Any], files: dict[str, Path], words: dict[str, str], size: int | None, quality: int
) -> dict[str, Any]:
    """One sample: its pictures, its truth, its decision, and who it was."""
    roles = run.description["roles"]
    columns = [("site", "site"), *((name, name) for name in roles["subgroups"])]
    known = [(label, _plain(record[column])) for column, label in columns if column in record]
    threshold = _threshold(run, record)
    return {
        "number": int(record["number"]),
        "sample": record["sample"],
        "place": _place(run, record),
        "truth": record["target"],
        "decision": record["decision"],
        "right": str(record["target"]) == str(record["decision"]),
        "score": _bar(record["score"]),
        "score_of": run.estimates["task"]["positive"] or record["decision"],
        "threshold": threshold,
        "roles": known,
        "figures": {name: _signed(record[name]) for name in ("deletion", "agreement") if name in record},
        "pictures": [_picture(kind, files[kind], record, words, size, quality) for kind in _PICTURES if kind in files],
    }


def _picture(
    kind: str, path: Path, record: dict[str, Any], words: dict[str, str], size: int | None, quality: int
) -> Picture:
    title = {
        "image": "Image",
        "back": "Given back",
        "map": words["method"][0].upper() + words["method"][1:],
        "occlusion": "Occlusion",
    }[kind]
    alt = {
        "image": f"Sample {record['sample']} as the network saw it; truth {record['target']}, decision {record['decision']}",
        "back": f"{_shown(words, record)} as the network gives it back",
        "map": f"{_shown(words, record)} with {words['mark']} where {words['method']} finds {words['what']}",
        "occlusion": f"{_shown(words, record)} with {words['mark']} where taking it away takes {words['what']} away",
    }[kind]
    mime = "image/webp" if size and path.suffix != ".svg" else _MIME[path.suffix]
    content = base64.b64encode(_content(path, size, quality)).decode("ascii")
    return Picture(kind, title, alt, f"data:{mime};base64,{content}")


def _shown(words: dict[str, str], record: dict[str, Any]) -> str:
    return "The same image" if words["thing"] == "image" else f"Recording {record['sample']}"


def _bar(score: Any) -> dict[str, Any] | None:
    if score is None or pd.isna(score):
        return None
    return {"text": f"{float(score):.2f}", "percent": round(100 * min(1.0, max(0.0, float(score))), 1)}


def _threshold(run: Run, record: dict[str, Any]) -> dict[str, Any] | None:
    """The frozen threshold of the fold in which the sample was tested; None unless the task is binary."""
    key = (int(record["repeat"]), int(record["fold"]))
    found = (t["value"] for t in run.estimates["thresholds"] if (t["repeat"], t["fold"]) == key)
    return _bar(next(found, None))


def _place(run: Run, record: dict[str, Any]) -> str:
    n = run.estimates["n"]
    repeat = f"repeat {int(record['repeat']) + 1}, " if n["repeats"] > 1 else ""
    return f"{repeat}fold {int(record['fold']) + 1}" if n["folds"] > 1 else ""


def _plain(value: Any) -> str:
    """A cell of a role as a person would write it: whole numbers without decimals, nothing as a dash."""
    text = "–" if pd.isna(value) else str(value)
    return text.removesuffix(".0") if re.fullmatch(r"-?\d+\.0", text) else text


def _signed(value: Any) -> str:
    return "not defined" if pd.isna(value) else minus(f"{float(value):+.2f}")


def _rounded(value: Any) -> str:
    return "not defined" if pd.isna(value) else minus(f"{float(value):.2f}")


def _check(check: dict[str, Any], words: dict[str, str]) -> dict[str, Any]:
    low, high = check.get("low"), check.get("high")
    return {
        **check,
        "value": _rounded(check["value"]),
        "interval": "" if low is None or high is None else f"[{_rounded(low)}, {_rounded(high)}]",
        "meaning": CHECKS.get(check["name"], "").format(**words),
    }


def _colours(colours: list[str]) -> str:
    """The colours of the heat from none to most, as a gradient for the key; empty if they are not known."""
    known = len(colours) > 1 and all(re.fullmatch(r"#[0-9a-fA-F]{6}", colour) for colour in colours)
    return ", ".join(colours) if known else ""
