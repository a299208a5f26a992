"""The look: the colours and type of the reports, light and dark, for NiceGUI's pages."""

from nicegui import ui

LOOKS = ("auto", "light", "dark")
SHEETS = ("app.css", "cases.css")


def wear(look: str) -> None:
    """Dress the page that is being built: light, dark, or as the browser wishes."""
    media = {"dark": "all", "light": "not all"}.get(look, "(prefers-color-scheme: dark)")
    sheets = ['<link rel="stylesheet" href="/look/tokens.css">']
    sheets += [f'<link rel="stylesheet" href="/static/{name}">' for name in SHEETS]
    sheets.append(f'<link rel="stylesheet" href="/static/dark.css" media="{media}">')
    ui.add_head_html("\n".join(sheets))
    ui.dark_mode({"dark": True, "light": False}.get(look))
    ui.colors(primary="var(--model)", negative="var(--accent)", positive="var(--model)", dark="var(--paper)")
