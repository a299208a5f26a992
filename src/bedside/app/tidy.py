"""What nobody needs any more of what came from browsers is removed when the app is opened."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bedside.app.home import Home
from bedside.errors import BedsideError
from bedside.folder import Run, is_run, read_json

DAY = 24 * 3600
DRAFTS = 30 * DAY  # seconds that a draft is kept after it was last changed
UPLOADS = DAY  # seconds that files are kept which neither a run, nor a job, nor a draft names
BATCH = re.compile(r"[0-9a-f]{24}")


def tidy(home: Home, *, now: float | None = None) -> list[str]:
    """Remove old drafts, and uploads that nothing refers to; gives the names of what went."""
    now, gone = now or time.time(), []
    for draft in home.drafts.glob("*.json"):
        if now - draft.stat().st_mtime > DRAFTS:
            draft.unlink(missing_ok=True)
            gone.append(draft.name)
    needed = list(_sources(home))
    for batch in home.uploads.iterdir():
        old = BATCH.fullmatch(batch.name) and now - batch.stat().st_mtime > UPLOADS
        if old and not batch.is_symlink() and not any(source.is_relative_to(batch) for source in needed):
            shutil.rmtree(batch, ignore_errors=True)
            gone.append(batch.name)
    return gone


def _sources(home: Home) -> Iterator[Path]:
    """The data that runs, also those in the trash, jobs and drafts were made from."""
    for folder in (home.folder, home.trash):
        for path in folder.rglob("settings.yaml") if folder == home.trash else folder.glob("*/settings.yaml"):
            with suppress(BedsideError):
                if is_run(path.parent) and (source := Run(path.parent).settings.get("source")):
                    yield Path(source)
    for draft in home.drafts.glob("*.json"):
        with suppress(BedsideError, KeyError, OSError):
            yield Path(read_json(draft)["source"])
    for job in home.jobs.jobs():
        yield Path(job.source)
