"""An exported model with everything that its users need beside it, in one zip file; the same run gives the same bytes.

No row of a patient goes in: predictions, cohort and reference vectors stay in the run folder. The report stays there too
unless it is asked for, because it shows single patients: explained cases, points of figures, images.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from typing import Any

import yaml

from bedside.errors import RunError
from bedside.export.example import example_of
from bedside.export.readme import readme, weights_words
from bedside.folder import Run
from bedside.report.card import card
from bedside.report.documents import content
from bedside.report.told import told
from bedside.scoring import Scorer

ONNXRUNTIME_WEB = "1.30.0"  # what client.mjs is tested with
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # a zip file knows none before
_READABLE = 0o644 << 16
_UNIX = 3


def bundle(scorer: Scorer, model: bytes, about: dict[str, Any], *, with_report: bool = False) -> bytes:
    """The zip file.

    Args:
        scorer: of the run.
        model: the exported file.
        about: what it says of itself.
        with_report: put the report in as well, which shows single patients.

    Raises:
        RunError: if the report is asked for and is not there.
    """
    run = scorer.run
    found: dict[str, bytes] = {
        "model.onnx": model,
        "card.md": content(told(run), card(told(run)), "md"),
        "settings.yaml": _settings(run),
        "estimates.json": (run.path / "estimates.json").read_bytes(),
        "client.py": _client("client.py"),
        "client.mjs": _client("client.mjs"),
        "package.json": _json(
            {"private": True, "type": "module", "dependencies": {"onnxruntime-web": ONNXRUNTIME_WEB}}
        ),
    }
    if about["features"]:
        found["example.json"] = _json(example_of(about, model))
    if about["weights"]:
        found["weights.md"] = weights_words(about["weights"]).encode()
    if with_report:
        if not (run.path / "report.html").is_file():
            raise RunError(f"{run.path} has no report.html; make it with `bedside report {run.path}`.")
        found["report.html"] = (run.path / "report.html").read_bytes()
    found["README.md"] = readme(about, sorted(found), with_report=with_report).encode()
    found["checksums.txt"] = _checksums(found)
    return _zipped(found)


def _client(name: str) -> bytes:
    return (files("bedside.export") / "clients" / name).read_bytes()


def _settings(run: Run) -> bytes:
    """The settings of the run; of where data and weights lay only the name, because a path may say more than it should."""
    settings = {name: dict(one) if isinstance(one, dict) else one for name, one in run.settings.items()}
    for place, name in ((settings, "source"), (settings.get("model"), "weights")):
        if isinstance(place, dict) and isinstance(place.get(name), str):
            place[name] = _last_name(place[name])
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).encode()


def _last_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _json(record: Any) -> bytes:
    return (json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _checksums(found: Mapping[str, bytes]) -> bytes:
    """As `sha256sum --check checksums.txt` reads them."""
    return "".join(f"{hashlib.sha256(one).hexdigest()}  {name}\n" for name, one in sorted(found.items())).encode()


def _zipped(found: Mapping[str, bytes]) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in sorted(found.items()):
            entry = zipfile.ZipInfo(name, _FIRST_DAY)
            entry.external_attr, entry.create_system, entry.compress_type = _READABLE, _UNIX, zipfile.ZIP_DEFLATED
            archive.writestr(entry, one)
    return file.getvalue()
