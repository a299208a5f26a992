"""What a request asks for: the model that is meant, and the samples as that model reads them."""

import re
from typing import Any
from urllib.parse import parse_qsl

from bedside.data.align import align_cells
from bedside.data.files import read_csv
from bedside.data.sent import BESIDE
from bedside.errors import DataError
from bedside.serve.bodies import (
    CSV,
    FORM,
    JSON,
    body_of,
    files_of,
    images_of,
    kind_of,
    parsed,
    samples_of,
    uploaded_images,
)
from bedside.serve.errors import Refused
from bedside.serve.pictures import Pictures
from bedside.serve.places import Places
from bedside.serve.served import Served
from bedside.serve.shelf import Shelf
from bedside.settings import DataSettings, build

AT_ONCE = 16_384  # bytes of JSON that are read without a thread of their own
READING = 64  # requests that may wait to be read
EXPLAINED = {"table": 32, "images": 8}  # samples of one request that are explained
_ADD = re.compile(r"\b(add|try) --(separator|decimal|encoding) '?([^'\s]+?)'?(?=[.,\s]|$)")
_OPTION = re.compile(r"--(separator|decimal|encoding)\b")
CSV_OPTIONS = {"separator": None, "decimal": (".", ","), "encoding": ("utf-8", "latin-1", "cp1252", "utf-16")}


class Asking:
    """Reads requests.

    Args:
        shelf: with the model.
        rows: of a table, that one request may have.
        images: the same of images.
    """

    def __init__(self, shelf: Shelf, *, rows: int, images: int) -> None:
        self.shelf, self.rows, self.images, self.readers = shelf, rows, images, Places(2, READING, "reads")

    async def __call__(self, request: Any, *, explain: bool) -> tuple[Served, Any]:
        """The model that is asked, and the samples of the request as it reads them.

        Args:
            explain: reasons are asked for, which takes the run's own members.

        Raises:
            Refused: if the request is not one that is answered.
            DataError: if the samples do not fit the model.
        """
        options = options_of(request.scope["query_string"], ("version", *CSV_OPTIONS))
        served = self.shelf.model(options.pop("version", None))
        kind = kind_of(request, (JSON, FORM) if served.images else (JSON, CSV, FORM))
        if options and (kind == JSON or served.images):
            raise Refused("unfit", f"{next(iter(options))!r} says how a CSV is read; leave it out.")
        limit = self.most(served, explain=explain)
        if served.images:
            preparation = None if explain else served.engine.preparation  # explanations ask the members
            return served, await self._pictures(request, kind, limit, served.model.images, preparation)
        layout = served.layout
        assert layout is not None
        if kind == JSON:
            body = await body_of(request)
            if len(body) > AT_ONCE:
                return served, await self.readers.run(lambda: layout.read(samples_of(parsed(body), limit)))
            rows = samples_of(parsed(body), limit)
            return served, layout.at_once(rows) or await self.readers.run(layout.aligned, rows)
        content, name = await body_of(request) if kind == CSV else b"", "the CSV"
        if kind == FORM:
            ((name, content),) = await files_of(request, 1)
        return served, await self.readers.run(_table, served, content, name or "the CSV", options, limit)

    def most(self, served: Served, *, explain: bool) -> int:
        """Samples that one request may have."""
        if explain:
            return EXPLAINED[served.about["reads"]]
        return self.images if served.images else self.rows

    async def _pictures(self, request: Any, kind: str, limit: int, *given: Any) -> Pictures:
        """Images of a request; `given` is what `Pictures.of` takes beside them."""
        if kind == FORM:
            files = uploaded_images(await files_of(request, limit))
            return await self.readers.run(Pictures.of, files, *given)
        body = await body_of(request)
        return await self.readers.run(lambda: Pictures.of(images_of(samples_of(parsed(body), limit)), *given))

    def close(self) -> None:
        self.readers.close()


def _table(served: Served, content: bytes, name: str, options: dict[str, str], limit: int) -> Any:
    """A CSV as the model reads it."""
    layout = served.layout
    assert layout is not None
    settings = build(DataSettings, {**layout.settings.model_dump(exclude_unset=True), **options})
    try:
        frame = read_csv(content, name, settings, rows=limit, columns=len(layout.features) + BESIDE)
        if len(frame) > limit:
            raise Refused(
                "too-many",
                f"{name[:1].upper()}{name[1:]} has more than {limit:,} samples, the most that are taken at once. Send them in parts.",
            )
        return layout.cells(align_cells(frame, layout.features, settings, roles=layout.roles))
    except DataError as error:
        raise Refused("unfit", in_an_address(str(error))) from None


def in_an_address(message: str) -> str:
    """Words for the command line, such as `add --separator ';'`, for whoever asks a server."""
    tab = message.replace("save it as .tsv, or add --separator $'\\t'", "add ?separator=%09 to the address")
    asked = _ADD.sub(lambda found: f"add ?{found[2]}={found[3]} to the address", tab)
    words = _OPTION.sub(lambda found: f"?{found[1]}=", asked)
    return words[:1].upper() + words[1:]


def options_of(query: bytes, known: tuple[str, ...]) -> dict[str, str]:
    """What the address asks for besides its path.

    Raises:
        Refused: if it asks for what there is not.
    """
    if not query:
        return {}
    found: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in known or name in found:
            there = f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known)}, each once" if known else ""
            raise Refused("unfit", f"The address has {name[:80]!r}, which means nothing here{there}.")
        allowed = CSV_OPTIONS.get(name)
        if (allowed and value not in allowed) or (name == "separator" and len(value) != 1):
            raise Refused(
                "unfit",
                f"{name}={value[:80]!r} is not one of {', '.join(allowed) if allowed else 'single characters'}.",
            )
        found[name] = value
    return found
