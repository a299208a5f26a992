"""The model that is served now, and the next one: the folder is watched, and a new model takes over when it is ready.

A new version is loaded and checked beside the old one, which goes on meanwhile. Then new requests get the new one at
once, and the old one finishes what it has begun. If the new one is damaged, the old one stays, and says so.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bedside.errors import BedsideError
from bedside.recalibration import RECALIBRATION
from bedside.serve.errors import Refused
from bedside.serve.served import Served

SECONDS = 1.0  # between two looks at the folder
_WATCHED = ("environment.json", "settings.yaml")

Signature = tuple[Any, ...]


class Shelf:
    """What is served, by the path of a run or of a link to one.

    Args:
        path: of a finished run.
        recalibration: what `bedside recalibrate` made of it for this hospital.
        data: where the data of training lie now, for explanations.
        formed: is told the number of samples of each batch.
        changed: is told each version that begins to be served.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        recalibration: str | Path | None = None,
        data: str | None = None,
        formed: Callable[[int], None] = lambda size: None,
        changed: Callable[[str], None] = lambda version: None,
    ) -> None:
        self.path, self.data, self.formed, self.changed = Path(path), data, formed, changed
        self.recalibration = None if recalibration is None else Path(recalibration)
        self.now: Served | None = None
        self.old: dict[Served, asyncio.Task[None]] = {}  # that have not finished yet
        self.problem: str | None = None  # why the newest model is not served
        self.seen: Signature | None = None
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="bedside-scores")
        self.ending = False

    def load(self) -> None:
        """Load the model that is there and serve it.

        Raises:
            RunError: if it cannot be served.
        """
        self.seen = signature(self.path, self.recalibration)
        self._take(self._loaded())

    async def first(self) -> None:
        """Load the first model while the server already says that it is alive; a damaged one is tried again when it changes."""
        await self.look()

    def model(self, version: str | None = None) -> Served:
        """The model to ask.

        Args:
            version: that the client insists on.

        Raises:
            Refused: if there is none, or it is another version.
        """
        if self.now is None or self.ending:
            raise Refused("not-ready", self.problem or "No model is loaded; wait until /readyz says that one is.")
        if version is not None and version != self.now.version:
            raise Refused(
                "other-version",
                f"Version {self.now.version} is served, not the one that is asked for; ask GET /v1/model what has changed.",
                [{"served": self.now.version}],
            )
        return self.now

    async def watch(self, seconds: float = SECONDS) -> None:
        """Look at the folder again and again, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.look()

    async def look(self) -> bool:
        """Look at the folder once; True if another version is served afterwards."""
        found = await asyncio.to_thread(signature, self.path, self.recalibration)
        if found == self.seen:
            return False
        self.seen = found  # taken before the files are read: what changes meanwhile is seen the next time
        try:
            new = await asyncio.to_thread(self._loaded)
        except BedsideError as error:
            self.problem = f"The model in the folder has changed, and the new one cannot be served: {error}"
            return False
        except Exception as error:  # whatever half a model does
            self.problem = (
                f"The model in the folder has changed, and the new one cannot be read ({type(error).__name__})."
            )
            return False
        if self.now is not None and new.version == self.now.version:
            self.problem = None
            return False
        self._take(new)
        return True

    def _loaded(self) -> Served:
        return Served(self.path, recalibration=self.recalibration, data=self.data)

    def _take(self, new: Served) -> None:
        """Serve it from now on."""
        new.begin(self.thread, self.formed)
        if self.now is not None:
            self.old[self.now] = asyncio.create_task(self._let_go(self.now))
        self.now, self.problem = new, None
        self.changed(new.version)

    async def _let_go(self, one: Served) -> None:
        """Once a model that is no longer served has finished, nothing holds it in memory."""
        if one.batches is not None:
            await one.batches.finished()
        self.old.pop(one, None)

    async def close(self) -> None:
        """Finish what was begun; take nothing new."""
        self.ending = True
        for one in [*self.old, *([self.now] if self.now is not None else [])]:
            if one.batches is not None:
                await one.batches.finished()
        self.thread.shutdown(wait=False, cancel_futures=True)


def signature(path: Path, recalibration: Path | None) -> Signature:
    """Changes whenever the model does: where the path leads, and size, time and number of each of its files."""
    place = Path(os.path.realpath(path))
    files = [place / name for name in _WATCHED]
    # Unlike a glob, a walk does not mind folders that are removed meanwhile.
    files += sorted(Path(folder, name) for folder, _, names in os.walk(place / "model") for name in names)
    if recalibration is not None:
        files.append(Path(recalibration) / RECALIBRATION)
    return str(place), *map(_stamp, files)


def _stamp(file: Path) -> tuple[str, int, int, int] | tuple[str]:
    try:
        found = file.stat()
    except OSError:
        return (str(file),)
    return str(file), found.st_size, found.st_mtime_ns, found.st_ino
