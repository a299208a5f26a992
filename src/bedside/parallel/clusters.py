"""Which cluster is meant, whether it can be used from here, and what its failures mean."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from bedside.errors import BedsideError, RunError, SettingError
from bedside.parallel.tasks import Outcomes, make_tasks

PATIENCE = 5  # seconds until we take it that nobody answers
_GREETING = 100_000  # bytes; it has some hundred
_FORMS = ("dask://HOST:PORT", "ray", "ray://HOST:PORT")
_PACKAGES = {"dask": ("distributed",), "ray": ("ray", "grpc")}
_RAY = {  # which reads this when it is imported
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing goes to its makers
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # no line of its workers comes to this terminal
    "RAY_CLIENT_MAX_CONNECTION_TIMEOUT_S": "60",  # somebody answers; on a busy machine a server for us takes long to start
}


def on_cluster(work: Callable[[Any], Any], tasks: Mapping[str, Any], cluster: str) -> Outcomes:
    """Outcomes as they come. The address is tried at once, so that a wrong one is noticed before any other work.

    Raises:
        SettingError: if the words name no cluster, its package is missing, or nobody answers.
    """
    kind, host, port = _place(cluster)
    os.environ.update(_RAY)
    _require_packages(cluster, _PACKAGES[kind])
    if host is not None:
        require_answer(cluster, host, port)
    return _outcomes(import_module(f"bedside.parallel.on_{kind}").run, work, tasks, cluster)


def _outcomes(run: Any, work: Callable[[Any], Any], tasks: Mapping[str, Any], cluster: str) -> Outcomes:
    from bedside.environment import versions

    if not tasks:
        return
    with _failures_in_words(cluster):
        yield from run(make_tasks(work, tasks, versions()), cluster)


def _place(cluster: str) -> tuple[str, str | None, int | None]:
    """Kind, host and port; "ray" alone has neither."""
    parts = urlsplit(cluster)
    try:
        kind, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:  # the port is no number
        kind, host, port = "", None, None
    if cluster == "ray":
        return "ray", None, None
    if kind in _PACKAGES and host and port and cluster == f"{kind}://{parts.netloc}":
        return kind, host, port
    raise SettingError(f"Unknown cluster {cluster!r}. Known: {', '.join(_FORMS)}, such as dask://node1:8786.")


def _require_packages(cluster: str, packages: tuple[str, ...]) -> None:
    for package in packages:
        try:
            import_module(package)
        except ImportError as error:
            raise SettingError(
                f"cluster={cluster} needs the package {package}, which cannot be imported ({error}): "
                "pip install 'bedside[cluster]'."
            ) from None


def require_answer(cluster: str, host: str, port: int | None) -> None:
    """Raise a `SettingError` soon if nobody answers there: the clients of Dask and Ray try for long, or for ever."""
    problem = "it is no Dask scheduler"
    try:
        with socket.create_connection((host, port or 0), timeout=PATIENCE) as connection:
            # A Dask scheduler speaks first: a short message after its length. Its dashboard, next door, stays mute.
            if not cluster.startswith("dask") or 0 < int.from_bytes(connection.recv(8), "little") < _GREETING:
                return
    except OSError as error:
        problem = str(error.strerror or error)
    raise SettingError(
        f"Nobody answers at {cluster} ({problem}). Is it started, is the port right, and can "
        "this machine reach it? docs/clusters.md says how to start one."
    )


@contextmanager
def _failures_in_words(cluster: str) -> Iterator[None]:
    """What goes wrong within a task comes back as its outcome; all else is the cluster's own failure."""
    try:
        yield
    except BedsideError:
        raise
    except Exception as error:
        raise RunError(
            f"The cluster {cluster} failed: {reason(error)}. Does it still run, and has every machine of it bedside "
            "and its packages in the same versions as this one? Then repeat the command."
        ) from error


def reason(error: BaseException) -> str:
    """The last line of the innermost message, which says most."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
