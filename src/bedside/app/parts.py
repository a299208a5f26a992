"""The parts that pages are made of: the browser's own controls, which keyboards and screen readers know, in our look.

Handlers get the value (or nothing, if they take nothing), may be coroutines, and their errors become words.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import ui
from nicegui.element import Element

from bedside.app.words import tongue

VALUE = "(event) => emit(event.target.value)"
CHECKED = "(event) => emit(event.target.checked)"


def tag(name: str, /, text: str | None = None, classes: str = "", **attributes: Any) -> Element:
    """An HTML element; `aria_label=` becomes the attribute aria-label, None leaves an attribute out."""
    made = ui.element(name)
    if text is not None:
        made._text = text  # NiceGUI's plain elements carry text, and escape it, but offer no argument for it
    if classes:
        made.classes(classes)
    for key, value in attributes.items():
        if value is not None:
            made.props[key.rstrip("_").replace("_", "-")] = value
    return made


def say(element: Element, text: str) -> None:
    """Other words in an element."""
    if element._text != text:
        element._text = text
        element.update()


def notice(text: str, kind: str = "note", *, title: str = "", todo: str = "") -> Element:
    """A box with words: `note`, `warning`, `error` or `good`; and what to do. What stays English says that it is."""
    with tag("div", classes=f"notice {kind}", role="alert" if kind == "error" else None) as box:
        if title:
            tag("strong", title)
        tag("p", text, lang=tongue(text))
        if todo:
            tag("p", todo, "todo", lang=tongue(todo))
    return box


def button(text: str, handler: Callable[..., Any], *, kind: str = "", label: str | None = None, **more: Any) -> Element:
    """A button; `kind` is "primary" (one per page), "quiet" or "" ; `label` is for screen readers if the text is short."""
    made = tag("button", text, f"button {kind}".strip(), type="button", aria_label=label, **more)
    made.on("click", careful(handler), args=[])
    return made


def link(text: str, place: str, *, kind: str = "", **more: Any) -> Element:
    """A link; with `kind` "primary" or "button" it looks like a button."""
    return tag("a", text, {"": "", "button": "button"}.get(kind, f"button {kind}"), href=place, **more)


def choice(
    label: str,
    options: Mapping[str, str] | Sequence[str],
    value: str | None,
    handler: Callable[..., Any],
    *,
    help: str = "",
) -> Element:
    """A menu: {value: words}; gives the element of the menu itself."""
    named = dict(options) if isinstance(options, Mapping) else {one: one for one in options}
    with _field(label, help) as field:
        menu = tag("select", value=value if value is not None else "", **_described(field))
        with menu:
            for one, words in named.items():
                tag("option", words, value=one)
    menu.on("change", lambda event: _stays(menu, str(event.args)), js_handler=VALUE)
    return _labelled(field, menu.on("change", careful(handler), js_handler=VALUE))


def text_field(
    label: str,
    value: str,
    handler: Callable[..., Any],
    *,
    help: str = "",
    more: str = "",
    event: str = "change",
    **attributes: Any,
) -> Element:
    """A line to type in; `more` follows the help, and may be in another language than it."""
    with _field(label, help, more=more) as field:
        line = tag("input", type="text", **typed(value), **_described(field), **attributes)
    return _labelled(field, line.on(event, careful(handler), js_handler=VALUE))


def typed(value: object) -> dict[str, Any]:
    """What stands in a line at first. As `value` it would come back whenever anything on the page is drawn anew, over
    what the reader is typing."""
    return {"defaultValue": value}


def put(control: Element, value: object) -> None:
    """Another value in a line, a menu or a slider, whatever the reader left in it."""
    ui.run_javascript(
        f"const one = document.getElementById({json.dumps(control.props['id'])}); if (one) one.value = {json.dumps(value)};"
    )


def _stays(menu: Element, value: str) -> None:
    """What the reader chose is what is drawn from now on."""
    menu.props["value"] = value
    menu.update()


def switch(label: str, value: bool, handler: Callable[..., Any], *, help: str = "") -> Element:
    """A box to tick."""
    with _field(label, help, "field tick") as field:
        box = tag("input", type="checkbox", checked=value, **_described(field))
    return _labelled(field, box.on("change", careful(handler), js_handler=CHECKED))


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str,
    numbers: Sequence[int] = (),
    classes: str = "",
) -> Element:
    """A table of texts; columns in `numbers` stand at the right; the caption is there for screen readers at least."""
    with tag("div", classes=f"scroll {classes}".strip(), tabindex="0", role="region", aria_label=caption) as box:
        side = ["num" if place in numbers else "" for place in range(len(header))]
        with tag("table"):
            tag("caption", caption)
            with tag("thead"), tag("tr"):
                for words, where in zip(header, side, strict=True):
                    tag("th", words, where, scope="col")
            with tag("tbody"):
                for row in rows:
                    with tag("tr"):
                        for words, where in zip(row, side, strict=True):
                            tag("td", words, where)
    return box


def live(classes: str = "") -> Element:
    """A place whose changes are read aloud when the reader pauses."""
    return tag("div", "", f"live {classes}".strip(), role="status", aria_live="polite")


def drawing(svg: str, words: str) -> Element:
    """A figure that bedside drew, with its description for those who do not see it."""
    return ui.html(svg, sanitize=False).classes("drawing").props(f"role=img aria-label={_quoted(words)}")


def _quoted(words: str) -> str:
    return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _field(label: str, help: str, classes: str = "field", *, more: str = "") -> Element:
    with tag("div", classes=classes) as field:
        tag("label", label)
        if help or more:
            with tag("small") as hint:
                tag("span", f"{help} " if more else help, lang=tongue(help))
                if more:
                    tag("span", more)
            hint.props["id"] = f"{hint.html_id}-help"
    return field


def _described(field: Element) -> dict[str, str]:
    hints = [child for child in field.default_slot.children if child.tag == "small"]
    return {"aria_describedby": hints[0].props["id"]} if hints else {}


def _labelled(field: Element, control: Element) -> Element:
    label = field.default_slot.children[0]
    label.props["for"] = control.props["id"] = f"{control.html_id}-control"
    return control


def careful(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler for NiceGUI's events: it gets the value, or nothing if it wants nothing, and its errors become words."""
    from bedside.app.frame import in_words, wants

    return in_words(lambda event: handler(event.args)) if wants(handler) else in_words(lambda: handler())
