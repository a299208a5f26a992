"""Learn: the figures to play with, which keep pages of their own."""

from nicegui import app

from bedside.app import parts
from bedside.app.frame import language_of_page, page, route
from bedside.app.words import t
from bedside.learn.explorables import EXPLORABLES
from bedside.learn.explorables.routes import play_router


def register() -> None:
    app.include_router(play_router(back="/learn"))

    @route("/learn")
    def learn() -> None:
        with page(t("Learn"), wide=True):
            parts.tag(
                "p",
                t(
                    "Each figure shows one idea of deep learning, computed live by the code that trains and judges models here."
                ),
                "lead",
            )
            if language_of_page() != "en":
                parts.tag("p", t("The figures speak English."), "soft")
            with parts.tag("ol", classes="figures", lang="en"):
                for one in EXPLORABLES.values():
                    with parts.tag("li"), parts.link("", f"/play/{one.name}"):
                        parts.tag("b", one.title)
                        parts.tag("span", one.idea)
