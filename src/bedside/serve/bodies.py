"""What a request brings, by its content type: JSON, a CSV, or a form with files; and how much of it is read."""

import base64
import binascii
import codecs
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from bedside.serve.errors import Refused
from bedside.web.refusals import header

if TYPE_CHECKING:
    from starlette.requests import Request

JSON, CSV, FORM = "application/json", "text/csv", "multipart/form-data"
SECONDS = 30  # in which a body must have arrived
DEEPEST = 64  # files in a form, above which it is not even read
LONGEST = 200  # characters of an image's name


def kind_of(request: "Request", known: Collection[str]) -> str:
    """The content type of a request.

    Raises:
        Refused: if it is none of those that are read.
    """
    kind = header(request.scope, b"content-type").partition(";")[0].strip().lower()
    if kind not in known:
        found = f"The content type is {kind[:80]!r}" if kind else "The request names no content type"
        raise Refused("wrong-type", f"{found}; send one of {', '.join(known)}.")
    return kind


async def body_of(request: "Request") -> bytes:
    """The whole body; its size is bounded by the guard before this.

    Raises:
        Refused: if it takes too long.
    """
    import asyncio

    receive, parts = request.receive, []
    message = await receive()
    parts.append(message.get("body", b""))
    if message.get("more_body", False):
        try:
            async with asyncio.timeout(SECONDS):
                while message.get("more_body", False):
                    message = await receive()
                    parts.append(message.get("body", b""))
        except TimeoutError:
            raise Refused(
                "too-slow", f"The body did not arrive within {SECONDS} seconds; send it faster, or less."
            ) from None
    if message["type"] == "http.disconnect":
        raise Refused("too-slow", "The connection was closed before the body had arrived.")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def parsed(body: bytes) -> Any:
    """JSON; NaN, infinite numbers and names that stand twice are refused, because another reader would see other values.

    Raises:
        Refused: if it is not JSON.
    """
    try:
        return _DECODER.decode(body.removeprefix(codecs.BOM_UTF8).decode())
    except Refused:
        raise
    except RecursionError:
        raise Refused("not-json", 'The JSON is nested too deeply; send {"samples": [{...}, ...]}.') from None
    except json.JSONDecodeError as error:
        where = f"{error.msg}, line {error.lineno}, column {error.colno}"
        raise Refused("not-json", f'The body is not JSON ({where}). Send {{"samples": [{{...}}, ...]}}.') from None
    except ValueError:  # not UTF-8, or a number of thousands of digits
        raise Refused("not-json", "The body is not JSON: it is no UTF-8, or holds a number that is too long.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("not-json", f"The name {twice[:80]!r} stands twice in one object; give each value once.")
    return found


def _no_number(name: str) -> Any:
    raise Refused("not-json", f"The body holds {name}, which JSON does not know; write null where a value is missing.")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def samples_of(asked: Any, most: int) -> list[dict[str, Any]]:
    """The rows of {"samples": [{...}, ...]}.

    Raises:
        Refused: if the body has another form, or too many rows.
    """
    if type(asked) is not dict or "samples" not in asked:
        raise Refused("not-json", "The body must be an object with the list 'samples': {\"samples\": [{...}, ...]}.")
    if len(asked) > 1:
        more = next(name for name in asked if name != "samples")
        raise Refused(
            "not-json", f"The body has {more[:80]!r} beside 'samples', which means nothing here; leave it out."
        )
    rows = asked["samples"]
    if type(rows) is not list or not rows:
        raise Refused("not-json", "'samples' must be a list of one object or more, one for each sample.")
    refuse_more(len(rows), most)
    for number, row in enumerate(rows, start=1):
        if type(row) is not dict:
            raise Refused("not-json", f'Sample {number} is no object; give its values by name: {{"age": 50, ...}}.')
    return rows


def refuse_more(n: int, most: int) -> None:
    """Refuse more samples than one request may have.

    Raises:
        Refused: saying how many.
    """
    if n > most:
        raise Refused(
            "too-many", f"The request has {n:,} samples; at most {most:,} are taken at once. Send them in parts."
        )


def images_of(rows: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
    """Names and contents of images that came as base64.

    Raises:
        Refused: if a row has another form.
    """
    files = []
    for number, row in enumerate(rows, start=1):
        more = row.keys() - {"sample", "image"}
        if "image" not in row or more:
            raise Refused(
                "not-json",
                f"Sample {number} must have 'image', the file as base64, and may have 'sample', its name; nothing else.",
            )
        name, text = row.get("sample", str(number)), row["image"]
        if not isinstance(name, str) or not isinstance(text, str) or not name:
            raise Refused("not-json", f"Sample {number}: 'sample' and 'image' must be text.")
        if len(name) > LONGEST:
            raise Refused(
                "unfit", f"Sample {number} has a name of {len(name):,} characters; at most {LONGEST} are taken."
            )
        try:
            files.append((name, base64.b64decode(text, validate=True)))
        except (binascii.Error, ValueError):
            raise Refused("unfit", f"Sample {number}: 'image' is not base64 (RFC 4648, without line breaks).") from None
    return _named_once(files)


async def files_of(request: "Request", most: int) -> list[tuple[str, bytes]]:
    """Names and contents of the files of a form, in their order.

    Raises:
        Refused: if it is no form with files, or has too many.
    """
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    try:
        import asyncio

        async with asyncio.timeout(SECONDS), request.form(max_files=DEEPEST, max_fields=DEEPEST) as form:
            parts = [part for _, part in form.multi_items()]
            if any(isinstance(part, str) for part in parts):
                raise Refused("not-multipart", "The form has a field that is no file; send files only.")
            files = [(safe_name(part.filename or ""), await part.read()) for part in parts]  # type: ignore[union-attr]
    except TimeoutError:
        raise Refused(
            "too-slow", f"The body did not arrive within {SECONDS} seconds; send it faster, or less."
        ) from None
    except ClientDisconnect:
        raise Refused("too-slow", "The connection was closed before the body had arrived.") from None
    except HTTPException as error:
        if error.status_code == 413:
            raise
        if "Too many files" in str(error.detail):
            raise Refused(
                "too-many", f"The form has more than {DEEPEST} files; at most {most} are taken at once."
            ) from None
        raise Refused(
            "not-multipart", "The body is not a form with files, or is cut off; send multipart/form-data."
        ) from None
    except Refused:
        raise
    except Exception:  # parsers of broken forms raise nearly everything
        raise Refused(
            "not-multipart", "The body is not a form with files, or is cut off; send multipart/form-data."
        ) from None
    if not files:
        raise Refused("not-multipart", "The form has no file; send one or more.")
    refuse_more(len(files), most)
    return files


def uploaded_images(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Files of a form, those without a name numbered.

    Raises:
        Refused: if two have the same name.
    """
    return _named_once([(name or str(number), data) for number, (name, data) in enumerate(files, start=1)])


def _named_once(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    names = [name for name, _ in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("unfit", f"Two images are called {twice!r}; give each sample a name of its own.")
    return files


def safe_name(name: str) -> str:
    """The last part of a file's name, without what a log, a shell or a page could trip over, at most 100 characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable() and c not in "<>\"'`|\u2028\u2029")[-100:]
