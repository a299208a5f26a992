"""The form that says what the columns are for: proposals with their reasons, which the reader changes or accepts."""

from typing import Any

from nicegui.element import Element

from bedside.app import parts
from bedside.app.data.proposals import PICTURED, Proposal, Proposals
from bedside.app.words import later, t

NOBODY = ""
SINGLES = {
    "target": (later("Target"), later("What the model shall predict.")),
    "patient": (later("Patient"), later("Rows with the same value stay together: nobody is trained on and tested.")),
    "site": (later("Site"), later("Hospital or device; results are compared between sites.")),
    "time": (later("Time"), later("When the sample was taken, to test on the latest patients.")),
    "split": (later("Given split"), later("A column that says train, valid or test.")),
    "image": (later("Image file"), later("The model learns from these images, not from the other columns.")),
    "smiles": (
        later("Molecules (SMILES)"),
        later("The model learns from these structures, not from the other columns."),
    ),
}
FIRST = ("target", "patient", "site", "time")
MANY = {
    "subgroups": (later("Subgroups"), later("Results are shown for each group too. They stay features.")),
    "exclude": (later("Left out"), later("Columns that the model must not see: identifiers, and what is known only afterwards.")),
}  # fmt: skip


class ColumnsForm:
    """Draws the menus and keeps what they say in `values`, which are values of `DataSettings`."""

    def __init__(self, columns: list[str], values: dict[str, Any], proposals: Proposals) -> None:
        self.columns, self.values, self.proposals = columns, dict(values), proposals
        self.summaries: dict[str, Element] = {}

    def draw(self) -> None:
        shown = [*FIRST, *(role for role in SINGLES if role not in FIRST and self._matters(role))]
        with parts.tag("div", classes="fields"):
            for role in shown:
                self._menu(role)
        self.ticks = {name: parts.tag("div") for name in MANY}
        self.unread = parts.tag("div")
        self._rest()

    def _matters(self, role: str) -> bool:
        return role in self.values or role in self.proposals.roles

    def _menu(self, role: str) -> None:
        label, meaning = SINGLES[role]
        options = {
            NOBODY: t("Please choose") if role == "target" else t("none"),
            **{name: name for name in self.columns},
        }
        why = self.proposals.roles.get(role)
        proposed = why is not None and self.values.get(role) == why.column
        help = f"{t(meaning)} {t('Proposed: {why}', why=why.why)}" if proposed and why is not None else t(meaning)
        parts.choice(
            t(label), options, self.values.get(role), lambda value, role=role: self._set(role, value), help=help
        )

    def _set(self, role: str, value: str) -> None:
        self.values[role] = value or None
        if role == "target":  # what was said of the classes of another one
            self.values |= {"positive": None, "task": None}
        if self.pictured:
            self.values |= {"exclude": [], "allow_leak": []}
        else:
            self.values["skip_unreadable"] = None
        for name in MANY:
            self.values[name] = [one for one in self.values.get(name, ()) if one in self.free]
        self._rest()

    @property
    def pictured(self) -> bool:
        """Whether a column holds or names what is learned from, images or molecules, and no other column is."""
        return any(self.values.get(role) for role in PICTURED)

    def _rest(self) -> None:
        """What is asked depends on what is learned from."""
        for name in MANY:
            self._ticks(name)
        self.unread.clear()
        if self.pictured:
            with self.unread:
                parts.switch(
                    t("Leave out what cannot be read"),
                    bool(self.values.get("skip_unreadable")),
                    lambda on: self.values.update(skip_unreadable=on or None),
                    help=t("The report counts it."),
                )

    @property
    def free(self) -> list[str]:
        """Columns without a role of their own: the target is no subgroup of itself."""
        taken = {self.values.get(role) for role in SINGLES}
        return [column for column in self.columns if column not in taken]

    def _ticks(self, name: str) -> None:
        meaning = MANY[name][1]
        why = {one.column: one.why for one in self._proposed(name)}
        self.ticks[name].clear()
        if name == "exclude" and self.pictured:
            return
        with self.ticks[name], parts.tag("details", classes="ticks", open=bool(self.values.get(name))):
            self.summaries[name] = parts.tag("summary", self._chosen(name))
            parts.tag("p", t(meaning), "soft")
            with parts.tag("div", classes="fields"):
                for column in self.free:
                    self._tick(name, column, why.get(column, ""))

    def _chosen(self, name: str) -> str:
        return t("{label}: {names}", label=t(MANY[name][0]), names=", ".join(self.values.get(name, ())) or t("none"))

    def _tick(self, name: str, column: str, why: str) -> Element:
        help = t("Proposed: {why}", why=why) if why else ""
        return parts.switch(
            column, column in self.values.get(name, ()), lambda on: self._toggle(name, column, on), help=help
        )

    def _toggle(self, name: str, column: str, on: bool) -> None:
        others = [one for one in self.values.get(name, ()) if one != column]
        self.values[name] = [*others, column] if on else others
        parts.say(self.summaries[name], self._chosen(name))
        if name == "exclude" and on:
            self.values["allow_leak"] = [one for one in self.values.get("allow_leak", ()) if one != column]

    def _proposed(self, name: str) -> tuple[Proposal, ...]:
        return self.proposals.subgroups if name == "subgroups" else self.proposals.exclude
