"""What the data stage can find, one code each; the documentation is made from this table."""

import re
from collections.abc import Iterable, Sequence

from bedside.cohort import Finding, Level

# How a column can be used although it was left out.
FORCE = "To use it nevertheless, name every column to learn from in data.features."

CODES = {
    "leak": "A feature alone gives the target away; training refuses until it is excluded or allowed.",
    "suspicious": "A feature alone separates the target nearly perfectly; it may be known only after the outcome.",
    "derived": "Several features together give the target away: it is their sum, product or combination.",
    "prepared-scale": "Features look scaled over all rows, test patients included.",
    "prepared-rotation": "Features look like principal components of all rows, test patients included.",
    "prepared-gaps": "Gaps look filled with a mean or median of all rows, test patients included.",
    "identifier": "A column has a different value for nearly every sample or patient and was left out.",
    "free-text": "A column holds free text and was left out.",
    "constant": "A column has the same value everywhere and was left out.",
    "patient-column": "A column looks like a patient identifier, but no patient column was named.",
    "no-patient": "No patient column was named, so each sample counts as its own patient.",
    "forced-feature": "A column that would have been left out was named as a feature and is used.",
    "assumed-positive": "The positive class was not named and could not be recognised.",
    "calendar-date": "A feature is a calendar date: it may teach the model when, not what.",
    "image-column": "A column names image files but was not given as --image; it was left out.",
    "molecule-column": "A column looks like molecules but was not given as --smiles; it was left out.",
    "unread-date": "A column looks like dates with the day or month first and was left out.",
    "missing-codes": "Cells such as NA or ? were read as missing.",
    "leading-zeros": "Numbers with leading zeros were read as codes, not as amounts.",
    "number-code": "A number such as -9 or 999 stands far from the others and may mean missing.",
    "spelling": "Levels of a category differ only in case or spaces.",
    "rows-repeat": "Many samples have the same features because few combinations exist; they are not linked.",
    "duplicates": "Samples have identical features, the same or nearly the same image or recording, or are the same compound, and stay on one side of every split.",
    "near-duplicates": "Rows of different patients are nearly the same, as if one was entered twice; they stay on one side of every split.",
    "duplicates-disagree": "Duplicates have different targets.",
    "split-duplicates": "The split that came with the data has duplicates in more than one part.",
    "split-patients": "The split that came with the data has samples of one patient in more than one part.",
    "shortcut-size": "The size or the proportions of images nearly tell the target.",
    "shortcut-format": "The file format of images, or the bits of their pixels, nearly tell the target.",
    "shortcut-colour": "Whether an image is grey or in colour nearly tells the target.",
    "shortcut-brightness": "The mean brightness of images nearly tells the target.",
    "shortcut-bytes": "The size of image files nearly tells the target.",
    "shortcut-name": "The numbers in the names of image files nearly tell the target.",
    "shortcut-site": "The site nearly tells the target.",
    "shortcut-time": "The time of the sample nearly tells the target.",
    "shortcut-length": "The length of recordings nearly tells the target.",
    "shortcut-amplitude": "The amplitude of recordings nearly tells the target.",
    "shortcut-level": "The mean of recordings nearly tells the target.",
    "shortcut-gaps": "Gaps in recordings nearly tell the target.",
    "shortcut-measured": "A number that can be measured of molecules nearly tells the target.",
    "salts": "Molecules have several parts, such as salts.",
    "stereo": "Molecules do not say all of their stereochemistry.",
    "one-series": "Most molecules share one scaffold, so what is learned holds for that series.",
    "flat-channel": "A channel of a recording never varies.",
    "clipped": "Recordings stay at their highest or lowest value, as if an amplifier was at its limit.",
    "signal-gaps": "Recordings have gaps.",
    "prepared-each": "Each recording was standardised by itself, so amplitudes are lost.",
    "no-rate": "The sampling rate of the recordings is not known.",
    "no-unit": "The unit of the recordings is not known.",
    "mixed-colour": "Some images are grey and others in colour.",
    "tiny-images": "Images have few pixels.",
    "patient-roles": "Samples of one patient contradict each other about the site or a subgroup.",
    "patient-targets": "Samples of one patient have different targets.",
    "missing-half": "More than half of a feature is missing.",
    "missing-differs": "A feature is missing much more often in one class than in another.",
    "imbalance": "One class is rare.",
    "few-patients": "A class has so few patients that its estimates will be wide.",
    "events-per-feature": "The rarest class has fewer than ten patients per feature.",
    "wide": "There are more features than samples.",
    "order": "The rows of the file are sorted by the target.",
    "row-order": "Neighbouring rows of the file are more alike in the target than chance explains.",
    "site-target": "A site has samples of one class only, so the site tells the target.",
    "unreadable": "Images or molecules could not be read and were left out, because a person asked for that.",
    "not-images": "Files or arrays beside the images were not used.",
    "not-signals": "Arrays or files beside the recordings were not used.",
    "signal-columns": "Columns that were taken as time points do not count up in their names.",
    "rows-apart": "Rows of one recording do not stand together, and no column says the times.",
    "lacking-times": "Recordings lack rows between their first and last time.",
    "uneven-times": "Times of a recording are not evenly spaced.",
    "missing-channels": "Some records lack channels that others have.",
    "converted-units": "Channels were brought to one unit, or have none.",
    "resampled": "Recordings were brought to another sampling rate.",
    "empty-class": "A folder that looks like a class holds no images.",
    "header-patient": "Patients were told apart by the header of the DICOM files and are numbered.",
    "numbered-files": "Names of DICOM files hold identifiers of patients, so these samples are numbered.",
    "burned-in": "DICOM files say that text is part of the picture, or do not say that there is none.",
    "no-window": "DICOM files state no window, so their images may have little contrast.",
    "new-depth": "New images have another range of values than those of training.",
    "new-channels": "New images are grey and the model learned from colour, or the other way round; or new recordings do not name their channels.",
    "new-extra": "New data have columns or channels that the model does not use.",
    "new-levels": "New data have categories, or molecules elements, that training never saw.",
    "new-range": "New data have values, images a size, recordings a length or amplitude, or molecules a size, outside the range of training.",
    "unusual": "New samples lie farther from those of training than nearly all held-out ones.",
    "no-reference": "The model keeps nothing to tell usual from unusual samples.",
    "dates-not-filled": "Gaps of dates are left empty; other gaps are filled.",
    "new-missing": "A feature or a channel is missing in all new samples.",
}

WORST_FIRST: tuple[Level, ...] = ("error", "warning", "note")


def finding(level: Level, code: str, message: str, remedy: str = "", columns: Iterable[str] = ()) -> Finding:
    """A `Finding` whose code stands in the table above."""
    assert code in CODES, code
    return Finding(level, code, message, remedy, tuple(columns))


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes; otherwise in the order given."""
    return sorted(findings, key=lambda found: WORST_FIRST.index(found.level))


def listing(names: Sequence[str], limit: int = 6) -> str:
    """`'a', 'b' and 3 more`: column names or cells for a message."""
    shown = [repr(str(name)) for name in names[:limit]]
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1] if shown else ""]))


def count(number: int, thing: str, things: str | None = None) -> str:
    """`1 sample`, `2 samples`, `12,000 samples`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def quoted(name: str) -> str:
    """A column name as it is typed after an option: in quotation marks if a shell would split it."""
    return name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'"


def plural(number: int, one: str, many: str) -> str:
    """The form of a word that agrees with `number`."""
    return one if number == 1 else many
