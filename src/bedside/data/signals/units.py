"""Units of channels: words for the same unit, and factors between those that measure the same."""

_WORDS = {"uv": "uV", "µv": "uV", "μv": "uV", "mv": "mV", "v": "V", "nv": "nV"}
_VOLTS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}


def plain_unit(word: str | None) -> str:
    """One word for each unit: microvolts are uV, however they are written; empty if unknown."""
    word = (word or "").strip()
    word = "" if word.casefold() in ("nd", "nu", "none", "unknown") else word  # WFDB: no unit, no dimension
    return _WORDS.get(word.casefold(), word)


def factor(unit: str, wanted: str) -> float | None:
    """What values in `unit` are multiplied by to be in `wanted`; None if they do not measure the same."""
    if unit == wanted:
        return 1.0
    return _VOLTS[unit] / _VOLTS[wanted] if unit in _VOLTS and wanted in _VOLTS else None
