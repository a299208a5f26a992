"""Data: choose them, say what their columns are for, and read what the checks found."""

from typing import Any

from nicegui import context, ui

from bedside.app import parts
from bedside.app.data import drafts
from bedside.app.data.roles import Roles
from bedside.app.frame import in_thread, page, route
from bedside.app.home import home
from bedside.app.state_words import TASKS, capital
from bedside.app.words import later, t
from bedside.data.samples import COHORTS
from bedside.errors import BedsideError, DataError

KINDS = {
    "breast-cancer": later("a table of 569 patients"),
    "diabetes": later("a table of 442 patients"),
    "dermoscopy": later("computer-made images with known truth"),
    "ecg": later("computed recordings with known truth"),
}
TITLES = {  # of `COHORTS`, for other languages
    "breast-cancer": later("Breast masses: benign or malignant, from the cell nuclei of a fine-needle aspirate"),
    "diabetes": later("Diabetes: progression one year after ten baseline measurements"),
    "dermoscopy": later(
        "SYNTHETIC dermoscopy: benign or malignant skin lesions, computer-made images with known truth"
    ),
    "ecg": later(
        "SYNTHETIC electrocardiograms: normal or ischaemia, two leads, computer-made recordings with known truth"
    ),
}


def register() -> None:
    @route("/data")
    def choose() -> None:
        with page(t("Data")):
            parts.tag("p", t("One row, image, recording or molecule per sample. Nothing leaves this computer."), "lead")
            _drop()
            if not home().shared:
                _path()
            _built_in()

    @route("/data/{id}")
    async def roles(id: str) -> None:
        try:
            draft = drafts.load(id, home().drafts)
        except BedsideError as error:
            with page(t("Data")):
                parts.notice(str(error), "warning")
                parts.link(t("Choose data"), "/data", kind="primary")
            return
        with page(draft.name, wide=True):
            await context.client.connected()
            await Roles(draft).draw()


def use(source: str) -> None:
    """Begin a draft on these data, and go on with what their columns are for."""
    draft = drafts.begin(source, home().drafts)
    ui.navigate.to(f"/data/{draft.id}")


def _drop() -> None:
    ui.add_head_html('<script defer src="/static/drop.js"></script>')
    words = {
        "data_sending": t("Taking in {total} files", total="{total}"),
        "data_reading": t("Reading ..."),
        "data_lost": t("The server did not answer. Is bedside still running?"),
    }
    with parts.tag("section", classes="drop", data_drop="", aria_labelledby="drop-title", **words):
        parts.tag("h2", t("Your own data"), id="drop-title")
        parts.tag(
            "p",
            t("Drop a table (CSV, TSV, Excel, Parquet), images, recordings (.npz), a folder or a zip here, or choose:"),
        )
        with parts.tag("div", classes="buttons"):
            _chooser(t("Choose files"), kind=" primary", multiple=True)
            _chooser(t("Choose a folder"), webkitdirectory=True)
        parts.tag("progress", hidden=True, aria_label=t("Files taken in"))
        parts.tag("p", "", "status", role="status", aria_live="polite")


def _chooser(words: str, *, kind: str = "", **more: Any) -> None:
    """A file button: the browser's own, with the look of ours."""
    with parts.tag("label", classes=f"button{kind}"):
        parts.tag("span", words)
        parts.tag("input", type="file", classes="unseen", data_arrive="", **more)


def _path() -> None:
    typed = {"path": ""}

    async def open_it() -> None:
        if not typed["path"].strip():
            raise DataError(t("Type the path of a file or folder first."))
        draft = await in_thread(drafts.begin, typed["path"].strip().strip("'\""), home().drafts)
        ui.navigate.to(f"/data/{draft.id}")

    with parts.tag("section", classes="path", aria_labelledby="path-title"):
        parts.tag("h2", t("Or where they lie on this computer"), id="path-title")
        with parts.tag("div", classes="line"):
            parts.text_field(
                t("Path of a table, or of a folder of images or recordings"),
                "",
                lambda value: typed.update(path=value),
                event="input",
            )
            parts.button(t("Use it"), open_it)


def _built_in() -> None:
    with parts.tag("section", aria_labelledby="built-in-title"):
        parts.tag("h2", t("Or try it with a built-in cohort"), id="built-in-title")
        with parts.tag("ul", classes="cards"):
            for name, cohort in COHORTS.items():
                with parts.tag("li", classes="card"):
                    parts.tag("h3", name)
                    parts.tag("p", t(TITLES[name])) if name in TITLES else parts.tag("p", cohort.title, lang="en")
                    task = capital(t(TASKS[cohort.task]))
                    kind = f"{task} · {t(KINDS[name])}" if name in KINDS else task
                    parts.tag("p", kind, "soft")
                    label = t("Use {name}", name=name)
                    parts.button(t("Use it"), lambda name=name: use(name), label=label)
