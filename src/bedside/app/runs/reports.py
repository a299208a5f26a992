"""The files of a run that the browser may open or save: its report, under the report's own policy, and its tables."""

from typing import TYPE_CHECKING

from bedside.app.home import home
from bedside.errors import BedsideError
from bedside.web.headers import policy_text

if TYPE_CHECKING:
    from fastapi import APIRouter

TO_SAVE = {
    "report.html": "text/html",
    "predictions.csv": "text/csv",
    "estimates.json": "application/json",
    "settings.yaml": "text/yaml",
    "card.md": "text/markdown",
}


def reports() -> "APIRouter":
    """GET /runs/{name}/report.html and /runs/{name}/save/{file}."""
    from fastapi import APIRouter, HTTPException
    from fastapi.responses import FileResponse

    router = APIRouter(prefix="/runs")

    def found(name: str, file: str) -> str:
        try:
            path = home().run(name).path / file
        except BedsideError as error:
            raise HTTPException(404, str(error)) from None
        if not path.is_file():
            raise HTTPException(404, f"{name} has no {file} yet.")
        return str(path)

    @router.get("/{name}/report.html")
    def report(name: str) -> FileResponse:
        headers = {"Content-Security-Policy": policy_text("report")}
        return FileResponse(found(name, "report.html"), media_type="text/html", headers=headers)

    @router.get("/{name}/save/{file}")
    def save(name: str, file: str) -> FileResponse:
        if file not in TO_SAVE:
            raise HTTPException(404, f"{file} is not given out; look for it in the run's folder.")
        return FileResponse(found(name, file), media_type=TO_SAVE[file], filename=f"{name}-{file}")

    return router
