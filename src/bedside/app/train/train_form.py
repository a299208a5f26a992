"""The form of a training: a family, a few settings, all others behind a line, and what it may take."""

from nicegui import ui
from nicegui.element import Element

from bedside.app import parts
from bedside.app.data.drafts import Draft
from bedside.app.frame import in_thread
from bedside.app.home import home
from bedside.app.in_app import in_app
from bedside.app.setting_words import SECTIONS, named
from bedside.app.train import forms
from bedside.app.train.expected import expected
from bedside.app.train.family_cards import Card, cards
from bedside.app.words import t, tongue
from bedside.errors import SettingError
from bedside.settings import merge

SECONDS = 0.4  # between two looks at what is being typed


class TrainForm:
    """Keeps the family and what was typed, also in the draft; `load` reads what may take a moment, then `draw` draws."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.family = draft, draft.family
        self.typed = dict(draft.typed)
        self.cards: list[Card] = []
        self.entries: dict[str, forms.Entry] = {}
        self.problems: dict[str, Element] = {}

    def load(self) -> None:
        self.cards = cards(self.draft.facts)
        if self.family not in {
            card.name for card in self.cards if not card.why
        }:  # none yet, or the data are others now
            self.family = str(self.draft.facts["family"])
        self.entries = forms.entries(self.family, self.draft.facts)
        self.runs = home().runs()

    def draw(self) -> None:
        self._families()
        self.place = parts.tag("div")
        self._settings()
        with parts.tag("div", classes="buttons sticky"):
            parts.button(t("Start training"), self.train, kind="primary")
            self.guess = parts.tag("p", self._expected(), "soft")

    def _expected(self) -> str:
        return expected(self.family, self.draft.facts, self.runs, self.typed)

    def _keep(self) -> None:
        """In the draft, so that a page that is loaded again has it."""
        self.draft = self.draft.save_training(home().drafts, self.family, self.typed)

    def _families(self) -> None:
        with parts.tag("fieldset", classes="families"):
            with parts.tag("legend"):
                parts.tag("h2", t("Which kind of model?"))
            suited = [card for card in self.cards if not card.why]
            with parts.tag("div", classes="cards"):
                for card in suited:
                    self._card(card)
        others = [card for card in self.cards if card.why]
        if others:
            with parts.tag("details"):
                parts.tag("summary", t("{count} families that do not suit these data", count=len(others)))
                with parts.tag("ul", classes="cards"):
                    for card in others:
                        with parts.tag("li", classes="card off"):
                            parts.tag("h3", card.name)
                            parts.tag("p", t(card.summary), lang=tongue(t(card.summary)))
                            parts.tag("p", card.why, "soft")

    def _card(self, card: Card) -> None:
        with parts.tag("label", classes="card choice"):
            radio = parts.tag("input", type="radio", name="family", value=card.name, checked=card.name == self.family)
            radio.on("change", parts.careful(lambda: self.choose(card.name)), args=[])
            with parts.tag("span", classes="body"):
                parts.tag("strong", f"{card.name} ({t('proposed')})" if card.default else card.name)
                parts.tag("span", t(card.summary), lang=tongue(t(card.summary)))
                if card.note:
                    parts.tag("span", card.note, "soft")

    async def choose(self, family: str) -> None:
        self.family = family
        await in_thread(self.load)
        self._keep()
        parts.say(self.guess, self._expected())
        self._settings()

    def _settings(self) -> None:
        self.place.clear()
        self.problems = {}
        first = [name for name in forms.FIRST if name in self.entries]
        with self.place:
            parts.tag("h2", t("A few settings"))
            parts.tag("p", t("They are good as they are for a first look."), "soft")
            self._fields(first)
            with parts.tag(
                "details", classes="ticks", open=any(name in self.entries and name not in first for name in self.typed)
            ):
                parts.tag("summary", t("More settings"))
                for section, title in SECTIONS.items():
                    names = [name for name, one in self.entries.items() if one.section == section and name not in first]
                    if names:
                        parts.tag("h3", t(title))
                        self._fields(names)

    def _fields(self, names: list[str]) -> None:
        with parts.tag("div", classes="fields"):
            for name in names:
                if self.entries[name].acts(self.typed, self.entries):
                    self._field(self.entries[name])

    def _field(self, entry: forms.Entry) -> None:
        value = self.typed.get(entry.name, entry.default)
        change = lambda typed: self.change(entry, typed)  # noqa: E731
        with parts.tag("div"):
            if entry.is_switch:
                parts.switch(
                    entry.label,
                    value == "true",
                    lambda on: self.change(entry, "true" if on else "false"),
                    help=entry.help,
                )
            elif entry.options:
                options = {
                    **({"": t("as it follows from the data")} if entry.optional else {}),
                    **{one: named(entry.name, one) for one in entry.options},
                }
                parts.choice(entry.label, options, value, change, help=entry.help)
            else:
                needs = entry.needs
                line = parts.text_field(
                    entry.label, value, change, help=entry.help, more=f"{needs[0].upper()}{needs[1:]}."
                )
                keep = parts.careful(lambda typed: self._type(entry, typed))
                line.on("input", keep, throttle=SECONDS, leading_events=False, js_handler=parts.VALUE)
            self.problems[entry.name] = parts.tag("p", "", "problem", role="alert")

    def _type(self, entry: forms.Entry, typed: str) -> None:
        """What is being typed is kept too; it is judged when the field is left."""
        self.typed[entry.name] = typed
        self._keep()
        parts.say(self.guess, self._expected())

    def change(self, entry: forms.Entry, typed: str) -> None:
        """Keep what was typed; a value out of range says so at once, below its field."""
        self._type(entry, typed)
        words = ""
        try:
            entry.parse(typed)
        except SettingError as error:
            words = str(error)
        parts.say(self.problems[entry.name], words)
        if any(entry.name in other.conditions for other in self.entries.values()):
            self._settings()

    async def train(self) -> None:
        """Put the training in line, and go and look at it."""
        try:
            asked = forms.gather(self.family, self.draft.facts, self.typed)
        except SettingError as error:
            raise SettingError(in_app(str(error))) from None
        settings = merge(asked, {"data": self.draft.data} if self.draft.data else {})
        job = await in_thread(home().jobs.add_training, self.draft.source, settings, label=self.draft.name)
        ui.navigate.to(f"/train/job/{job.id}")
