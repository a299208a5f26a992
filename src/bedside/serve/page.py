"""The document for people: one page with its own script and style, which draws /openapi.json and lets one try it."""

from importlib import resources

FILES = {
    "docs.js": ("bedside.serve", "static", b"text/javascript; charset=utf-8"),
    "docs.css": ("bedside.serve", "static", b"text/css; charset=utf-8"),
    "tokens.css": ("bedside.report", "templates", b"text/css; charset=utf-8"),
}


def page() -> bytes:
    """The frame of the page; the script fills it."""
    return (resources.files("bedside.serve") / "static" / "docs.html").read_bytes()


def static(file: str) -> tuple[bytes, bytes] | None:
    """A file of the page and its content type; None if it has no such file."""
    if file not in FILES:
        return None
    package, folder, kind = FILES[file]
    return (resources.files(package) / folder / file).read_bytes(), kind
