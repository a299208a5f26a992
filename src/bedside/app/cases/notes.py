"""What people write about single samples: `notes.json` in the run folder, and `notes.csv` for spreadsheets.

Both are written whole, and what a spreadsheet would compute is marked as text. Nothing else of the run changes, and no checksum of it covers them.
"""

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.errors import SettingError
from bedside.folder import read_json, write_json, write_table

FILE, TABLE = "notes.json", "notes.csv"
LONGEST = 4000  # characters
_WRITING = threading.Lock()


def read_notes(run: Path) -> dict[str, dict[str, str]]:
    """`text` and `when` of each sample that has a note.

    Raises:
        RunError: if the file is damaged.
    """
    path = run / FILE
    return dict(read_json(path)["notes"]) if path.exists() else {}


def write_note(run: Path, sample: str, text: str) -> None:
    """Keep what was written about a sample; nothing written removes its note.

    Raises:
        SettingError: if it is too long.
        StorageError: if it cannot be written.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise SettingError(f"The note has {len(text):,} characters; {LONGEST:,} is the most. Shorten it.")
    with _WRITING:  # two people may write at once; each adds to what the other kept
        notes = read_notes(run)
        notes.pop(sample, None)
        if text:
            notes[sample] = {"text": text, "when": datetime.now().astimezone().isoformat(timespec="seconds")}
        write_json(run / FILE, {"format": 1, "notes": notes})
        write_table(run / TABLE, _table(notes))


def _table(notes: dict[str, dict[str, Any]]) -> pd.DataFrame:
    rows = [(sample, note["when"], note["text"]) for sample, note in notes.items()]
    return pd.DataFrame(rows, columns=["sample", "when", "note"])
