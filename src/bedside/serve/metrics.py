"""What a monitoring system may know: how much is asked, how long it takes, which model answers. Nothing of patients, and
no label that a stranger could fill with new values."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
OTHER = "other"  # addresses that there are not
KIND = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one server.

    Args:
        routes: the only values of the label `route` besides "other".
    """

    def __init__(self, routes: frozenset[str]) -> None:
        self.routes, self.registry = routes, CollectorRegistry()
        more: Any = {"registry": self.registry}
        self.requests = Counter("bedside_requests", "Requests by route and status.", ["route", "status"], **more)
        self.seconds = Histogram(
            "bedside_request_seconds",
            "Seconds from the request to the end of the answer.",
            ["route"],
            buckets=SECONDS,
            **more,
        )
        self.batches = Histogram("bedside_batch_samples", "Samples that were scored together.", buckets=SIZES, **more)
        self.samples = Counter("bedside_samples", "Samples that were scored.", **more)
        self.served = Gauge("bedside_model_info", "1 for the version of the model that is served.", ["version"], **more)
        self.problem = Gauge("bedside_model_problem", "1 while a newer model in the folder cannot be served.", **more)
        self._counts: dict[tuple[str, int], Counter] = {}
        self._times: dict[str, Histogram] = {}

    def answered(self, path: str, status: int, seconds: float) -> None:
        route = path if path in self.routes else OTHER
        if (route, status) not in self._counts:
            self._counts[route, status] = self.requests.labels(route, str(status))
            self._times[route] = self.seconds.labels(route)
        self._counts[route, status].inc()
        self._times[route].observe(seconds)

    def formed(self, size: int) -> None:
        """A batch of so many samples is scored."""
        self.batches.observe(size)
        self.samples.inc(size)

    def changed(self, version: str) -> None:
        """Another version is served."""
        self.served.clear()
        self.served.labels(version).set(1)

    def text(self, *, problem: bool) -> bytes:
        self.problem.set(float(problem))
        return generate_latest(self.registry)
