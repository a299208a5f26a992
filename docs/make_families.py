"""Fill what the pages of families take from the code: their lists, settings and excerpts.

python docs/make_families.py            writes the pages; part of `make docs`
python docs/make_families.py --check    writes nothing; exit code 1 if a page is out of date

A page holds a place for each, which ends at the next `<!-- end -->`:

    <!-- families: table -->                           a row for every family of this kind of data
    <!-- settings: mlp -->                             a row for every setting of this family
    <!-- code: bedside.models.mlp:MLP.forward -->      the source of these, parted by blanks
    <!-- file: examples/third_party_family/pyproject.toml -->
"""

import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from make_reference import table

from bedside.models import FAMILIES, settings_class
from bedside.settings import describe

ROOT = Path(__file__).parents[1]
PAGES = Path(__file__).with_name("families")
LANGUAGES = {".py": "python", ".toml": "toml"}
TOGETHER = {  # families that share a page; every other one has its own
    "lstm": "recurrent",
    "gru": "recurrent",
    "vae": "autoencoder",
    "vit_small_patch16_224": "vision-transformers",
    **{
        name: "backbones"
        for name, family in FAMILIES.items()
        if family.architecture and name != "vit_small_patch16_224"
    },
}


def page_of(family: str) -> str:
    """Name of the page in docs/families that a family stands on."""
    return TOGETHER.get(family, family)


def filled(text: str) -> str:
    """A page with everything between its marks made anew."""

    def fill(found: re.Match[str]) -> str:
        made = MAKERS[found["what"]](found["of"])
        return f"<!-- {found['what']}: {found['of']} -->\n\n{made.strip()}\n\n<!-- end -->"

    pattern = rf"<!-- (?P<what>{'|'.join(MAKERS)}): (?P<of>.*?) -->\n.*?<!-- end -->"
    return re.sub(pattern, fill, text, flags=re.DOTALL)


def listed(kind: str) -> str:
    rows = [
        (f"[`{name}`]({page_of(name)}.md)", family.summary, ", ".join(family.tasks))
        for name, family in FAMILIES.items()
        if kind in family.kinds
    ]
    return table(("family", "what it is", "tasks"), rows)


def settings(family: str) -> str:
    rows = [
        (f"`{one['name']}`", one["range"], f"`{one['default']}`" if one["default"] else "", one["meaning"])
        for one in describe(settings_class(family), "model.")
    ]
    return table(("setting", "range", "default", "meaning"), rows) if rows else "There is nothing to set."


def code(places: str) -> str:
    """Source of functions, classes or methods of one module, and where it stands."""
    module = import_module(places.partition(":")[0])
    parts = [textwrap.dedent(inspect.getsource(_found(place))).strip() for place in places.split()]
    said = f"From `src/{module.__name__.replace('.', '/')}.py`:"
    joined = "\n\n\n".join(parts)
    return f"{said}\n\n```python\n{joined}\n```"


def _found(place: str) -> Any:
    module, _, names = place.partition(":")
    found: Any = import_module(module)
    for name in names.split("."):
        found = getattr(found, name)
    return found


def file(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8").strip()
    return f"```{LANGUAGES[Path(path).suffix]}\n{text}\n```"


MAKERS: dict[str, Callable[[str], str]] = {"families": listed, "settings": settings, "code": code, "file": file}


def main(arguments: list[str]) -> int:
    made = {page: filled(page.read_text(encoding="utf-8")) for page in sorted(PAGES.glob("*.md"))}
    stale = [page for page, text in made.items() if text != page.read_text(encoding="utf-8")]
    if arguments == ["--check"]:
        for page in stale:
            print(f"docs/families/{page.name} is out of date; make it anew with: make docs", file=sys.stderr)
        return int(bool(stale))
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for page in stale:
        page.write_text(made[page], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
