"""How a text file or a sheet is read, for files that are written in another way than the usual one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bedside.app import parts
from bedside.app.words import later, t

SEPARATORS = {
    ",": later("comma"),
    ";": later("semicolon"),
    "\t": later("tabulator"),
    "|": later("vertical bar"),
}
DECIMALS = {".": later("point, 3.5"), ",": later("comma, 3,5")}
ENCODINGS = {
    "utf-8": later("UTF-8, the usual one"),
    "cp1252": later("Windows, Western Europe"),
    "latin-1": later("Latin 1"),
    "utf-16": later("UTF-16"),
}
USUAL = {"separator": ",", "decimal": ".", "encoding": "utf-8", "sheet": ""}


class ReadingForm:
    """`values` are those of `DataSettings`; `again` gets what was chosen, without what is usual anyway.

    A text file is asked for its marks and letters, an Excel file, which has none of these, for its sheet.
    """

    def __init__(
        self, values: dict[str, Any], again: Callable[[dict[str, Any]], Awaitable[None]], sheets: Sequence[str] = ()
    ) -> None:
        self.values = {name: str(values.get(name) or usual) for name, usual in USUAL.items()}
        self.again, self.sheets = again, sheets

    def draw(self, *, open: bool = False) -> None:
        with parts.tag("details", classes="ticks", open=open):
            parts.tag("summary", t("How the file is read"))
            with parts.tag("div", classes="fields"):
                if self.sheets:
                    self._menu("sheet", t("Sheet"), {"": t("Please choose"), **{name: name for name in self.sheets}})
                else:
                    for name, label, options in (
                        ("separator", t("Separator"), SEPARATORS),
                        ("decimal", t("Decimal mark"), DECIMALS),
                        ("encoding", t("Letters"), ENCODINGS),
                    ):
                        self._menu(name, label, {value: t(words) for value, words in options.items()})
            parts.button(t("Read it so"), self._read)

    def _menu(self, name: str, label: str, options: dict[str, str]) -> None:
        parts.choice(label, options, self.values[name], lambda value: self.values.update({name: value}))

    async def _read(self) -> None:
        asked = {name: value for name, value in self.values.items() if value != USUAL[name]}
        await self.again(asked if self.sheets else {"separator": ",", **asked})
