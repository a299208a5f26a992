"""Start: what can be done here, and the shortest way to a first report."""

from bedside.app import parts
from bedside.app.data.page import use
from bedside.app.frame import page, route
from bedside.app.home import home
from bedside.app.words import later, t

FIRST = "breast-cancer"
STEPS = (
    (
        later("Data"),
        later("A table or images. bedside looks for leaks, duplicates and gaps before anything is learned."),
    ),
    (later("Train"), later("Choose a model or take the one that is proposed, and watch it learn.")),
    (later("Read"), later("A report that says what the model can do, how sure that is, and what was not checked.")),
)


def register() -> None:
    @route("/")
    def start() -> None:
        with page(t("From data to an honest report")):
            parts.tag(
                "p", t("Train a model on a clinical table or on images, judged on patients it has never seen."), "lead"
            )
            with parts.tag("div", classes="buttons"):
                parts.button(t("Try it with a built-in cohort"), lambda: use(FIRST), kind="primary")
                parts.link(t("Use my own data"), "/data", kind="button")
            parts.tag(
                "p", t("The first is a table of 569 breast masses. It takes about a minute and four clicks."), "soft"
            )
            _steps()
            _recent()


def _steps() -> None:
    with parts.tag("ol", classes="steps"):
        for title, words in STEPS:
            with parts.tag("li"):
                parts.tag("h2", t(title))
                parts.tag("p", t(words))


def _recent() -> None:
    found = home().runs()[:3]
    if not found:
        return
    parts.tag("h2", t("Go on with"))
    with parts.tag("ul", classes="plain"):
        for run in found:
            with parts.tag("li"):
                if run.finished:
                    parts.link(run.path.name, f"/runs/{run.path.name}/report.html")
                else:
                    parts.tag("span", t("{name}, not finished", name=run.path.name))
