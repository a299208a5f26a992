"""What is answered at each address."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bedside.serve import metrics as counting
from bedside.serve.answers import NOTICE
from bedside.serve.asgi import DOCS, Answer, Asgi, Straight, not_found, wrong_method
from bedside.serve.asking import EXPLAINED, Asking, options_of
from bedside.serve.errors import Refused
from bedside.serve.explaining import answering
from bedside.serve.openapi import document
from bedside.serve.page import page, static
from bedside.serve.places import Places
from bedside.serve.served import Served
from bedside.serve.shelf import Shelf

if TYPE_CHECKING:
    from fastapi import FastAPI

PREDICT, EXPLAIN, MODEL, HEALTH, READY = "/v1/predict", "/v1/explain", "/v1/model", "/healthz", "/readyz"
METRICS, OPENAPI = "/metrics", "/openapi.json"
PATHS = (PREDICT, EXPLAIN, MODEL, HEALTH, READY, METRICS, OPENAPI, DOCS)
PROBLEM = f"A newer model in the folder cannot be served; GET {MODEL} says why."
EXPLAINING = 16  # requests that may wait to be explained

_encoded = json.JSONEncoder(allow_nan=False).encode


class Routes:
    """The addresses of one server.

    Args:
        rows: of a table, that one request may have.
        images: the same of images.
        token: requests must show one, so the document says so.
    """

    def __init__(self, shelf: Shelf, metrics: counting.Metrics, *, rows: int, images: int, token: bool) -> None:
        self.shelf, self.metrics, self.token = shelf, metrics, token
        self.asking, self.explainers = Asking(shelf, rows=rows, images=images), Places(1, EXPLAINING, "explains")
        self._reasons: WeakKeyDictionary[Served, Any] = WeakKeyDictionary()

    def add_to(self, app: "FastAPI") -> None:
        """Put the routes before whatever the application has."""
        from starlette.middleware import Middleware
        from starlette.routing import Route

        table: list[tuple[str, str, Callable[[Any], Awaitable[Answer]]]] = [
            (PREDICT, "POST", self.predict),
            (EXPLAIN, "POST", self.explain),
            (MODEL, "GET", self.model),
            (HEALTH, "GET", self.health),
            (READY, "GET", self.ready),
            (METRICS, "GET", self.counters),
            (OPENAPI, "GET", self.openapi),
            (DOCS, "GET", self.docs),
            (DOCS + "/{file}", "GET", self.static),
            ("/", "GET", self.door),
        ]
        routes = [Route(path, Asgi(function), methods=[method]) for path, method, function in table]
        app.router.routes[:0] = routes
        exact = {
            (route.path, method): route.app
            for route in routes
            for method in route.methods or ()
            if "{" not in route.path
        }
        app.user_middleware.append(Middleware(Straight, exact=exact))
        app.add_exception_handler(404, not_found)
        app.add_exception_handler(405, wrong_method)

    def close(self) -> None:
        self.asking.close()
        self.explainers.close()

    async def predict(self, request: Any) -> Answer:
        """Scores, as `bedside predict` writes them."""
        served, samples = await self.asking(request, explain=False)
        found = await served.ask(samples)
        return self._said(served, found)

    async def explain(self, request: Any) -> Answer:
        """Why the scores are what they are."""
        served, samples = await self.asking(request, explain=True)
        found = await self.explainers.run(self._explained, served, samples)
        return self._said(served, found)

    def _explained(self, served: Served, samples: Any) -> dict[str, Any]:
        """In the thread of explanations: what explains a model is made once."""
        if served not in self._reasons:
            self._reasons[served] = answering(served)
        found: dict[str, Any] = self._reasons[served](samples)
        return found

    def _said(self, served: Served, found: dict[str, Any]) -> Answer:
        head = {"model": {"name": served.name, "version": served.version}}
        body = _encoded({**head, **found, "notice": NOTICE}).encode()
        return 200, body, b"application/json", [(b"x-model-version", served.version.encode())]

    async def model(self, request: Any) -> Answer:
        """What is served."""
        options_of(request.scope["query_string"], ())
        served = self.shelf.model()
        asking = self.asking
        limits = {"rows": asking.rows, "images": asking.images, "explained": asking.most(served, explain=True)}
        said = {**served.about, "limits": limits, "problem": self.shelf.problem}
        return 200, _encoded(said).encode(), b"application/json", [(b"x-model-version", served.version.encode())]

    async def health(self, request: Any) -> Answer:
        """The process is alive."""
        return _json({"status": "alive"})

    async def ready(self, request: Any) -> Answer:
        """A model is loaded. Whoever asks needs no token, so it is not said what is wrong, which names folders."""
        if self.shelf.now is None and self.shelf.problem is not None:
            raise Refused("not-ready", "The model cannot be loaded; the metric bedside_model_problem is 1.")
        served, problem = self.shelf.model(), None if self.shelf.problem is None else PROBLEM
        return _json({"status": "ready", "version": served.version, "problem": problem})

    async def counters(self, request: Any) -> Answer:
        """What a monitoring system reads."""
        return 200, self.metrics.text(problem=self.shelf.problem is not None), counting.KIND.encode(), []

    async def openapi(self, request: Any) -> Answer:
        """The document of this API, for the model that is served."""
        served = self.shelf.model()
        return _json(
            document(served, rows=self.asking.rows, images=self.asking.images, explained=EXPLAINED, token=self.token)
        )

    async def docs(self, request: Any) -> Answer:
        """The document for people."""
        return 200, page(), b"text/html; charset=utf-8", []

    async def static(self, request: Any) -> Answer:
        """A script or style of that page."""
        found = static(request.path_params["file"])
        if found is None:
            raise Refused("not-found", "There is no such file.")
        return 200, found[0], found[1], []

    async def door(self, request: Any) -> Answer:
        """From the bare address to the page."""
        return 307, b"", b"text/plain", [(b"location", DOCS.encode())]


def _json(said: Any) -> Answer:
    return 200, _encoded(said).encode(), b"application/json", []
