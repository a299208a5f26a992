"""What the pages of comparison, learning curve and tuning share: an experiment that can be read like a run."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bedside.cohort import level_text
from bedside.errors import RunError
from bedside.folder import Fit, Run, read_yaml
from bedside.report import kinds, methods, page, tables
from bedside.report.images import image_facts
from bedside.report.molecules import molecule_facts
from bedside.report.signals import signal_facts
from bedside.report.style import Drawing

MOST_COMMANDS = 12  # beyond, the table says where the settings lie


@dataclass(frozen=True)
class Experiment(Run):
    """A folder of many fits. What all fits share stands where a run has it: settings, estimates and device.

    `verb` is the command that made it, `result` the file with its numbers.
    """

    verb: str = ""
    result: str = ""

    @cached_property
    def record(self) -> dict[str, Any]:
        """The numbers: comparison.json, curve.json or tuning.json."""
        return dict(self._json(self.result))

    @cached_property
    def estimates(self) -> dict[str, Any]:
        """The record, with the thresholds of the first candidate, as far as words for a run need them."""
        judged = self.record.get("honest") or self.record["candidates"][0]
        return {**self.record, "thresholds": judged.get("thresholds", []), "baseline": None}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Those that were chosen, or those of the last fit: what is read here is the same in all of them."""
        chosen = self.record.get("chosen_settings")
        return settings_in(self, chosen or f"{self.record['candidates'][-1]['folder']}/settings.yaml")

    @cached_property
    def fits(self) -> dict[str, Fit]:
        """The fits by the name of their folder; those that are not there are left out."""
        return {path.name: Fit(path) for path in sorted((self.path / "fits").glob("[!.]*")) if path.is_dir()}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json with the device and threads of the fits."""
        known = [fit.environment for fit in self.fits.values() if (fit.path / "environment.json").exists()]
        devices = list(dict.fromkeys(str(facts["device"]) for facts in known if "device" in facts))
        threads = sorted({int(facts["threads"]) for facts in known if "threads" in facts})
        one = threads[0] if len(threads) == 1 else " or ".join(map(str, threads)) or "–"
        return {**dict(self._json("environment.json")), "device": " and ".join(devices) or "–", "threads": one}

    def _read(self, name: str) -> str:
        try:
            return super()._read(name)
        except RunError:
            raise RunError(
                f"{self.path} has no {name}: it is not finished. Continue it with `bedside {self.verb} --resume {self.path}`."
            ) from None


def settings_in(run: Run, name: str) -> dict[str, Any]:
    """A file of settings within the folder; nothing if it is not there."""
    path = run.path / name
    return read_yaml(path) if name and path.is_file() else {}


def page_context(run: Experiment) -> dict[str, Any]:
    """Everything that the templates of all experiments need, as plain values."""
    splits, description = tables.split_rows(run), run.description
    return {
        "cohort": description,
        "estimates": run.estimates,
        "findings": run.findings,
        "environment": run.environment,
        "predicted": methods.what_is_predicted(run),
        "level": level_text(run.estimates["level"]),
        "images": image_facts(description),
        "signals": signal_facts(description),
        "molecules": molecule_facts(description),
        "synthetic": kinds.synthetic(description),
        "splits": splits,
        "patient_ranges": tables.split_ranges(splits, "patients"),
        "sample_ranges": tables.split_ranges(splits, "samples"),
        "scheme": methods.scheme(run),
        "record": page.record(run),
        "folder": run.path.name,
    }


def data_facts(run: Experiment) -> list[tuple[str, str]]:
    """The first of the two lines of facts under the title."""
    cohort = run.description
    return [
        page.patients_fact(run),
        ("Samples", f"{cohort['samples']:,}"),
        page.outcome_fact(run),
        kinds.input_fact(cohort),
    ]


def to_keep(drawings: dict[str, list[Drawing]]) -> list[Drawing]:
    """The figures that become files: those for a phone show the same again."""
    return [drawing for name, section in drawings.items() if not name.endswith("_narrow") for drawing in section]


def numbered(drawings: list[Drawing]) -> dict[str, int]:
    return {drawing.name: k for k, drawing in enumerate(drawings, start=1)}


def train_command(run: Run, name: str) -> str:
    """`bedside train` with the settings of one fit, to be given beside the folder; the data if they do not name them."""
    source = (
        None if "source" in settings_in(run, name) else settings_in(run, "asked.yaml").get("shared", {}).get("source")
    )
    data = [shlex.quote(str(source))] if source else []
    return " ".join(["bedside train", *data, "--settings", shlex.quote(f"{run.path.name}/{name}")])
