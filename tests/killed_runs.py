"""Run by test_run_resume.py in a process of its own: kill a run at every step, resume it, compare the bytes.

Each attempt is a forked child, so torch is imported once. A child is killed by SIGKILL right before or right after
one of the renames by which every file and folder of a run takes its place, or in the middle of an epoch.
"""

import gc
import json
import os
import signal
import sys
from pathlib import Path

import captum.attr  # noqa: F401
import lightning_fabric  # noqa: F401  (imported here once, not in every child)
import matplotlib.figure  # noqa: F401
import pandas.io.formats.csvs  # noqa: F401
import pyarrow.pandas_compat  # noqa: F401
import skops.io  # noqa: F401
import torch._dynamo  # noqa: F401
from sklearn import dummy, ensemble, linear_model  # noqa: F401

from bedside.models import classic, mlp  # noqa: F401
from bedside.run import Stage, train_steps
from bedside.settings import RunSettings, build
from bedside.training.fits import Progress
from blank_figures import save_ink
from cohorts import cohort as make_cohort

OPTIONS = {
    "folds": {"scheme": "crossval", "number": 3},
    "model": {"hidden": [4]},
    "train": {"epochs": 3, "patience": 2},
    "evaluation": {"resamples": 100},
    "explain": {"samples": 0},  # in the last attempt only
}
KEPT = ("predictions.csv", "baseline.csv", "history.csv", "estimates.json", "folds.csv", "settings.yaml")


def in_child(work) -> int:
    """Run `work` in a forked child; its signal if it was killed, 0 if it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(folder: Path, *, until: str, kill_at: int | None = None, after: bool = False, epoch: int | None = None) -> None:
    """Train into `folder` up to the stage `until`, or to the end, with explanations; die at a rename, from 1, or at an epoch."""
    renames = 0
    replace = os.replace

    def counted(source, target):
        nonlocal renames
        renames += 1
        if renames == kill_at and not after:
            die()
        replace(source, target)
        if renames == kill_at:
            die()

    os.replace = counted
    os.fsync = lambda _: None  # what a killed process wrote is not lost; that takes a power cut
    settings = build(RunSettings, OPTIONS if until == "report" else {**OPTIONS, "explain": {"samples": 2}})
    begun = (folder / "environment.json").exists()
    where = {"resume": folder} if begun else {"folder": folder}
    cohort = make_cohort(60, site=None, subgroups=(), exclude=("year", "site", "sex"))  # groups only take time
    for event in train_steps(cohort, settings, **where):
        if isinstance(event, Progress) and event.record.epoch == epoch:
            die()
        if isinstance(event, Stage) and event.name == until:
            break
    (folder.parent / f"{folder.name}.renames").write_text(str(renames))


def main(base: Path) -> None:
    save_ink()
    gc.freeze()  # children share these pages until they write into them, and a collection writes into all
    whole = base / "whole"
    assert in_child(lambda: run(whole, until="report")) == 0
    renames = int((base / "whole.renames").read_text())
    report: dict[str, list[str]] = {}
    attempts = [{"kill_at": k, "after": k % 2 == 1} for k in range(1, renames + 1, 3)] + [{"epoch": 2}]
    for number, attempt in enumerate(attempts):
        folder = base / f"run{number}"
        killed = in_child(lambda folder=folder, attempt=attempt: run(folder, until="report", **attempt))
        resumed = in_child(lambda folder=folder: run(folder, until="report"))
        differing = [name for name in KEPT if (folder / name).read_bytes() != (whole / name).read_bytes()]
        if killed != signal.SIGKILL:
            differing.append(f"was not killed ({killed})")
        if resumed != 0:
            differing.append(f"was not resumed ({resumed})")
        report[json.dumps(attempt)] = differing
    # The last step: killed while the report is written, once, and continued to the very end.
    folder = base / "last"
    killed = in_child(lambda: run(folder, until="never", kill_at=renames + 6))
    resumed = in_child(lambda: run(folder, until="never"))
    done = (folder / "report.html").exists() and not [file for file in folder.iterdir() if file.name.startswith(".")]
    same = (folder / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    ended = killed == signal.SIGKILL and resumed == 0 and done and same
    report["in the report"] = [] if ended else [f"killed {killed}, resumed {resumed}, done {done}, same {same}"]
    print(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
