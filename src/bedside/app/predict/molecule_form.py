"""The line for one new molecule in SMILES; what is read of it is drawn while it is typed."""

from collections.abc import Callable

from bedside.app import parts
from bedside.app.frame import in_thread
from bedside.app.opened import Opened
from bedside.app.pictures import address
from bedside.app.vector import vector
from bedside.app.words import t
from bedside.data.align import Aligned
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.new import one_new_molecule
from bedside.data.molecules.structure import read_molecule
from bedside.errors import DataError

EXAMPLE = "CC(=O)Oc1ccccc1C(=O)O"  # aspirin
LONGEST = 2000  # characters
SECONDS = 0.4  # between two looks at what is being typed


def molecule_of(smiles: str) -> GraphInputs:
    """The molecule that was typed.

    Raises:
        DataError: if it cannot be read, in words of the reader's language.
    """
    if not smiles.strip():
        raise DataError(t("Type a molecule in SMILES first, such as {example}.", example=EXAMPLE))
    try:
        return GraphInputs((read_molecule(smiles.strip()),))
    except ValueError as error:
        raise DataError(
            t("{smiles} cannot be read as a molecule in SMILES: {reason}. An example: {example}",
              smiles=repr(smiles.strip()[:60]), reason=error, example=EXAMPLE)
        ) from None  # fmt: skip


class MoleculeForm:
    """Keeps what was typed in `smiles`.

    Args:
        run: the run.
        predict: called when somebody wants the answer.
        example: called when somebody wants a tested molecule.
        changed: called when something else stands in the line.
    """

    def __init__(
        self, run: Opened, predict: Callable[..., object], example: Callable[..., object], changed: Callable[[], None]
    ) -> None:
        self.run, self.smiles = run, ""
        self._predict, self._example, self._changed = predict, example, changed

    def draw(self) -> None:
        with parts.tag("form", aria_label=t("New sample"), novalidate=True) as form:
            with parts.tag("div", classes="molecule-line"):
                self.line = parts.text_field(
                    t("Molecule (SMILES)"),
                    "",
                    lambda _: None,
                    help=t("An example: {example}", example=EXAMPLE),
                    maxlength=LONGEST,
                    autocomplete="off",
                    spellcheck="false",
                )
            self.line.on(
                "input",
                parts.careful(self._type),
                throttle=SECONDS,
                leading_events=False,
                js_handler=parts.VALUE,
            )
            self.shown = parts.live("molecule")
            with parts.tag("div", classes="buttons sticky"):
                parts.tag("button", t("Predict"), "button primary", type="submit")
                parts.button(t("Show a tested molecule"), self._example)
        form.on("submit.prevent", parts.careful(self._submit), js_handler=_WITH_LINE)

    async def _submit(self, value: str) -> None:
        """The line as it stands: its last letters may not have come yet."""
        await self._type(value)
        result = self._predict()
        if result is not None:
            await result  # type: ignore[misc]

    async def _type(self, value: str) -> None:
        if str(value) == self.smiles:
            return
        self.smiles = str(value)
        self._changed()
        await self._look()

    async def fill(self, smiles: str) -> None:
        """Another molecule in the line."""
        self.smiles = smiles
        parts.put(self.line, smiles)
        await self._look()

    async def _look(self) -> None:
        """The drawing of what is in the line, or what is wrong with it."""
        smiles, words, picture = self.smiles, "", ""
        if smiles.strip():
            try:
                picture = address(await in_thread(lambda: vector(molecule_of(smiles), 0).encode()))
            except DataError as error:
                words = str(error)
        if smiles != self.smiles:  # typed on meanwhile
            return
        self.shown.clear()
        with self.shown:
            if picture:
                parts.tag("img", src=picture, alt=t("The molecule as it is read"))
            if words:
                parts.tag("p", words, "beyond error")

    def aligned(self) -> Aligned:
        """The molecule in the line as a new sample of the model.

        Raises:
            DataError: if it cannot be read.
        """
        known = self.run.scorer.model.known
        assert known is not None  # every model of molecules says what it has seen
        return one_new_molecule(molecule_of(self.smiles), known)


_WITH_LINE = "(event) => { event.preventDefault(); emit(event.target.querySelector('input').value); }"
