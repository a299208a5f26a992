"""Make the notebooks from their sources: with solutions and outputs for trainers, with gaps for learners.

python notebooks/make_notebooks.py            writes all notebooks; outputs of cells that did not change are kept
python notebooks/make_notebooks.py --run 01   runs notebook 01 as well (all without a number) and stores what it shows;
                                              fails if the whole notebook takes more than four minutes
python notebooks/make_notebooks.py --check    writes nothing; exit code 1 if a notebook is out of date

A source (source/NN_name.py) is a percent script of jupytext. Between `# gap: words` and `# end gap` stands a solution;
learners get `...  # words` in its place. Tags of a cell (`# %% tags=["..."]`):
  fact        what it prints is the same on every machine; tests compare it
  live        shows a page of a local server or something large; its output is not stored
  solution    a cell for trainers only
"""

import argparse
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError

HERE = Path(__file__).parent
SOURCES, EXERCISES = HERE / "source", HERE / "exercises"
GAP = re.compile(r"^(?P<indent>[ ]*)# gap: (?P<words>.+)\n(?P<solution>(?:.*\n)*?)[ ]*# end gap(?:\n|\Z)", re.MULTILINE)
LINK = re.compile(r'<a href="http://127[^"]*"[^>]*>(.*?)</a>')
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
SECONDS = 240  # a whole notebook runs top to bottom within four minutes on two cores


class TooSlow(Exception):
    """A notebook took longer than SECONDS in all."""


def sources() -> list[Path]:
    return sorted(SOURCES.glob("[0-9][0-9]_*.py"))


def with_solutions(source: Path) -> Any:
    """The trainer's notebook, without outputs."""
    return _made(source, lambda code: GAP.sub(lambda gap: gap["solution"], code))


def with_gaps(source: Path) -> Any:
    """The learner's notebook."""
    made = _made(source, lambda code: GAP.sub(lambda gap: f"{gap['indent']}...  # {gap['words']}\n", code))
    made.cells = [cell for cell in made.cells if "solution" not in cell.metadata.get("tags", [])]
    return made


def _made(source: Path, change: Any) -> Any:
    read = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    cells = []
    for number, cell in enumerate(read.cells):
        tags = cell.metadata.get("tags", [])
        text = change(cell.source + "\n").rstrip("\n") if cell.cell_type == "code" else cell.source
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        cells.append(new(text, id=f"cell-{number:03d}", metadata={"tags": tags} if tags else {}))
    return nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)


def place(source: Path) -> Path:
    return HERE / f"{source.stem}.ipynb"


def stored(source: Path) -> Any | None:
    """The notebook as it lies in the repository, with outputs."""
    return nbformat.read(place(source), as_version=4) if place(source).exists() else None


def keep_outputs(new: Any, old: Any | None) -> Any:
    """Outputs belong to the code above them: a changed cell loses its own, and every later one, until it is run."""
    if old is None:
        return new
    before = [cell for cell in old.cells if cell.cell_type == "code"]
    for cell, same in zip([cell for cell in new.cells if cell.cell_type == "code"], before, strict=False):
        if cell.source != same.source:
            break
        cell.outputs, cell.execution_count = same.outputs, same.execution_count
    return new


def run(notebook: Any, folder: Path | str = HERE) -> Any:
    """Run a notebook top to bottom in a fresh kernel; an error in a cell is raised.

    Raises:
        TooSlow: all cells together took longer than SECONDS; the notebook is stopped there.
    """
    began, starts, took = time.monotonic(), {}, {}

    def start(cell: Any, cell_index: int) -> None:
        starts[cell_index] = time.monotonic()

    def end(cell: Any, cell_index: int, **_: Any) -> None:
        took[cell_index] = time.monotonic() - starts[cell_index]

    client = NotebookClient(
        notebook,
        timeout_func=lambda cell: max(1, round(SECONDS - (time.monotonic() - began))),  # what is left for this cell
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=start,
        on_cell_executed=end,
    )
    late = None
    try:
        client.execute()
    except CellTimeoutError as error:
        late = error
        end(None, max(starts))
    if late is not None or time.monotonic() - began > SECONDS:
        raise TooSlow(_slow(notebook, time.monotonic() - began, took, finished=late is None)) from late
    return notebook


def _slow(notebook: Any, seconds: float, took: dict[int, float], *, finished: bool) -> str:
    title = notebook.cells[0].source.partition("\n")[0].lstrip("# ")
    slowest = max((index for index in took if notebook.cells[index].cell_type == "code"), key=took.__getitem__)
    words = "took" if finished else "was stopped after"
    last = notebook.cells[slowest].source.rpartition("\n")[2]
    return (
        f"'{title}' {words} {seconds / 60:.1f} minutes; a notebook has {SECONDS / 60:g} in all. "
        f"Its slowest cell, {notebook.cells[slowest].id}, took {took[slowest] / 60:.1f}, and ends with: {last}"
    )


def lean(notebook: Any) -> Any:
    """Outputs worth storing: words and small pictures; no pages, no progress, no times of execution."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if "live" in cell.metadata.get("tags", []):
            cell.outputs = []
        cell.outputs = [one for one in cell.outputs if not (one.output_type == "stream" and one.name == "stderr")]
        for output in cell.outputs:  # a link to a server of that moment leads nowhere later
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = LINK.sub(r"\1", output.data["text/html"])
    return notebook


def facts(notebook: Any) -> dict[str, str]:
    """What the cells marked as facts printed, by cell."""
    return {
        cell.id: "".join(_text(output) for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and "fact" in cell.metadata.get("tags", [])
    }


def _text(output: Any) -> str:
    if output.output_type == "stream":
        return str(output.text) if output.name == "stdout" else ""
    return str(output.get("data", {}).get("text/plain", ""))


def stale(source: Path) -> list[str]:
    """Which notebooks made from this source are not what it makes now."""
    old, gaps = stored(source), EXERCISES / f"{source.stem}.ipynb"
    found = []
    if old is None or _code(old) != _code(with_solutions(source)):
        found.append(str(place(source).relative_to(HERE.parent)))
    if not gaps.exists() or gaps.read_text(encoding="utf-8") != nbformat.writes(with_gaps(source)) + "\n":
        found.append(str(gaps.relative_to(HERE.parent)))
    return found


def _code(notebook: Any) -> list[tuple[str, str, str, list[str]]]:
    return [(cell.id, cell.cell_type, cell.source, list(cell.metadata.get("tags", []))) for cell in notebook.cells]


def write(source: Path, *, executed: bool) -> None:
    notebook = with_solutions(source)
    if executed:
        with tempfile.TemporaryDirectory() as folder:  # what a notebook trains does not lie beside it afterwards
            notebook = lean(run(notebook, folder))
    else:
        notebook = keep_outputs(notebook, stored(source))
    place(source).write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    EXERCISES.mkdir(exist_ok=True)
    (EXERCISES / f"{source.stem}.ipynb").write_text(nbformat.writes(with_gaps(source)) + "\n", encoding="utf-8")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true", help="write nothing, and say what is out of date")
    asked.add_argument("--run", nargs="*", metavar="NN", help="run these notebooks, or all")
    options = asked.parse_args()
    if options.check:
        old = [name for source in sources() for name in stale(source)]
        print("\n".join(f"{name} is out of date; run: make notebooks" for name in old), end="\n" if old else "")
        sys.exit(bool(old))
    os.environ.setdefault("PYTHONHASHSEED", "0")
    for source in sources():
        executed = options.run is not None and (not options.run or source.stem[:2] in options.run)
        began = time.monotonic()
        try:
            write(source, executed=executed)
        except TooSlow as error:
            sys.exit(str(error))
        print(f"{place(source).name}{f' (run in {time.monotonic() - began:.0f} s)' if executed else ''}")


if __name__ == "__main__":
    main()
