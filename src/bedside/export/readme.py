"""The README of a bundle, in plain words."""

from collections.abc import Sequence
from typing import Any

from bedside.export.example import day_of

_MEANINGS = {
    "model.onnx": "the model, from raw values to probabilities; it says of itself what it is (`bedside` in its metadata, JSON)",
    "card.md": "the model card: what the model is, on whom it was tested, what only its authors can answer. Its links lead to files of the run folder",
    "settings.yaml": "how it was trained; `bedside train --settings settings.yaml` repeats that",
    "estimates.json": "how well it did on patients that it had not seen, with intervals",
    "report.html": "the report. **It shows single patients**",
    "example.json": "two made-up samples and their scores, to try a client with",
    "client.py": "an example in Python; needs onnxruntime, numpy and, for images, pillow",
    "client.mjs": "an example in JavaScript, for node and the browser; needs onnxruntime-web (`npm install`)",
    "package.json": "what client.mjs needs",
    "weights.md": "whose pretrained weights are inside, and their licence",
}
_INTRODUCTION = """# {run}

{summary}.

**{intended_use}**

{card}

## What is in here

{files}
- `checksums.txt`: sha256 of every file; `sha256sum --check checksums.txt` compares them

No row of a patient is in here: predictions, cohort and vectors stay in the run folder.{report} What is in here of single
patients are the smallest and largest value of each column, and the levels of categories, however rare.

## What goes in

{inputs}

## What comes out

{outputs}
{threshold}
## Try it

{clients}"""
_NO_REPORT = (
    " The report shows single patients and is left out too; `bedside export RUN --bundle --with-report` puts it in."
)


def readme(about: dict[str, Any], names: Sequence[str], *, with_report: bool) -> str:
    """The page.

    Args:
        about: what the model says of itself.
        names: files of the bundle.
        with_report: whether the report is one of them.
    """
    return _INTRODUCTION.format(
        run=about["run"],
        summary=about["summary"],
        intended_use=about["intended_use"],
        card=" ".join(about["card"]),
        files="\n".join(f"- `{name}`: {_MEANINGS[name]}" for name in names),
        report=" The report shows single patients." if with_report else _NO_REPORT,
        inputs="\n".join(_input_words(about)),
        outputs="\n".join(f"- `{name}`: {words}" for name, words in about["outputs"].items()),
        threshold=_threshold_words(about),
        clients=client_words(about),
    )


def _input_words(about: dict[str, Any]) -> list[str]:
    lines = []
    for name, described in about["inputs"].items():
        shape = ", ".join("samples" if n is None else str(n) for n in described["shape"])
        lines.append(f"- `{name}`, {described['type']} ({shape}): {described['meaning']}")
    if about["features"]:
        lines += ["", "| column | kind | in training |", "| --- | --- | --- |"]
        lines += [f"| {_cell(one['name'])} | {one['kind']} | {_cell(_known(one))} |" for one in about["features"]]
    return lines


def _known(feature: dict[str, Any]) -> str:
    """The range or the levels that training saw."""
    if feature["levels"]:
        return ", ".join(feature["levels"])
    shown = day_of if feature["kind"] == "date" else "{:.6g}".format
    return f"{shown(feature['low'])} to {shown(feature['high'])}"


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")


def _threshold_words(about: dict[str, Any]) -> str:
    if about["threshold"] is None:
        return ""
    return f"\nA sample is called {about['positive']} from a score of {about['threshold']:.6g} on.\n"


def client_words(about: dict[str, Any]) -> str:
    """How the two clients are called."""
    python, script = ("image.png", "") if "pixels" in about["inputs"] else ("patients.csv", " model.onnx example.json")
    packages = "onnxruntime numpy pillow" if "pixels" in about["inputs"] else "onnxruntime numpy"
    lines = ["```sh", f"pip install {packages}", f"python client.py model.onnx {python}", "```", ""]
    if script:
        return "\n".join([*lines, "```sh", "npm install", f"node client.mjs{script}", "```", ""])
    return "\n".join([*lines, "`predictImages` of client.mjs takes pixels as a canvas of a page gives them.", ""])


def weights_words(weights: dict[str, Any]) -> str:
    """Whose weights are in the model."""
    licence = weights["licence"]
    unknown = (
        "" if licence != "unknown" else " The file did not say; ask whoever gave it to you before you pass this on."
    )
    return (
        f"# Pretrained weights\n\nThe model contains, or began from, weights of {weights['architecture']}.\n\n"
        f"- Source: {weights['source']}\n- Licence: {licence}.{unknown}\n- sha256 of the tensors: {weights['sha256']}\n"
    )
