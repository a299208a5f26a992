"""What images show, and what they are: classes by folder or by file name, and the kind of picture."""

from typing import Any

from bedside.app import parts
from bedside.app.data.drafts import Draft
from bedside.app.words import later, t
from bedside.data.folders import EXAMPLE

UNKNOWN = ""
MODALITIES = {
    UNKNOWN: later("not said"),
    "dermoscopy": later("dermoscopy: skin under a lens"),
    "histology": later("histology: tissue under a microscope"),
    "xray": later("X-ray"),
    "photo": later("photos"),
}


class ImagesForm:
    """Keeps what was said in `values`, which are values of `DataSettings`."""

    def __init__(self, draft: Draft) -> None:
        known = ("label_pattern", "modality", "skip_unreadable")
        self.values: dict[str, Any] = {name: draft.data.get(name) for name in known}

    def draw(self) -> None:
        parts.tag("h2", t("What the images show"))
        parts.tag("p", t("The class of an image is the folder it lies in. If the names of the files tell it, say how."))
        with parts.tag("div", classes="fields"):
            parts.text_field(
                t("Pattern of file names"),
                self.values["label_pattern"] or "",
                lambda value: self.values.update(label_pattern=value.strip() or None),
                help=t("Only if the folders do not tell the class. An example: {example}", example=EXAMPLE),
            )
            said = {value: t(words) for value, words in MODALITIES.items()}
            parts.choice(
                t("Kind of images"),
                said,
                self.values["modality"] or UNKNOWN,
                lambda value: self.values.update(modality=value or None),
                help=t("Decides which changes of training images are harmless."),
            )
            parts.switch(
                t("Leave out what cannot be read"),
                bool(self.values["skip_unreadable"]),
                lambda on: self.values.update(skip_unreadable=on or None),
                help=t("The report counts it."),
            )
