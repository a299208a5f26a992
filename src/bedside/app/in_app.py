"""Sentences that tell what to do on the command line, told for the pages: `--patient COLUMN` is the menu Patient."""

import re

from bedside.app.words import later, t

MENUS = {
    "target": later("Target"),
    "patient": later("Patient"),
    "site": later("Site"),
    "time": later("Time"),
    "split": later("Given split"),
    "subgroup": later("Subgroups"),
    "exclude": later("Left out"),
    "image": later("Image file"),
    "smiles": later("Molecules (SMILES)"),
    "separator": later("Separator"),
    "decimal": later("Decimal mark"),
    "encoding": later("Letters"),
    "sheet": later("Sheet"),
    "positive": later("Class to detect"),
    "category": later("Codes, not amounts"),
    "label-pattern": later("Pattern of file names"),
    "modality": later("Kind of images"),
    "skip-unreadable": later("Leave out what cannot be read"),
    "allow-leak": later("Use it all the same"),
    "family": later("Family"),
}
_OPTION = re.compile(r"--([a-z][a-z-]+)(?: ([A-Z]{2,}|'[^']*'|\$'[^']*'))?")


def in_app(words: str) -> str:
    """The sentence with menus instead of options; a value that was named stays."""

    def menu(found: re.Match[str]) -> str:
        if found[1] not in MENUS:
            return found[0]
        value = (found[2] or "").strip()
        return f"“{t(MENUS[found[1]])}”" + (f" {value}" if value and not value.isupper() else "")

    return _OPTION.sub(menu, words)
