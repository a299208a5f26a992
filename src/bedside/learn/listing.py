"""Modules of bedside as pages with numbered lines, so that a notebook can link to the lines it shows.

Only the package's own modules are shown. Their names are collected from its folder beforehand, and a request is looked
up among them: no path that comes from a request is ever opened.
"""

from functools import cache
from pathlib import Path

import bedside

ROOT = Path(bedside.__file__).parent


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name, such as bedside.training.loop, and its file."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        inside = file.relative_to(ROOT)
        folders = [ROOT / parent for parent in inside.parents]
        if not file.is_symlink() and all((folder / "__init__.py").is_file() for folder in folders):
            parts = inside.parts[:-1] if file.name == "__init__.py" else inside.with_suffix("").parts
            found[".".join([ROOT.name, *parts])] = file
    return found


def name_of(file: Path) -> str:
    """The module that a file of the package is."""
    return next(name for name, known in modules().items() if known == file)


def lines_of(module: str) -> list[str] | None:
    """The lines of a module as they are installed here, or None if bedside has no such module."""
    file = modules().get(module)
    return None if file is None else file.read_text(encoding="utf-8").splitlines()
