"""Which cluster is meant, and whether somebody answers there."""

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from bedside.parallel.tasks import Outcome, Task

PATIENCE = 5  # seconds until nobody is taken to answer
_FORMS = {"dask://HOST:PORT": ["distributed"], "ray": ["ray"], "ray://HOST:PORT": ["ray", "grpc"]}  # and their packages


def on_cluster(work: Callable[[Any], Any], tasks: Mapping[str, Any], cluster: str) -> Iterator[Outcome]:
    """Outcomes as they come. The cluster is tried at once, so that a wrong address is noticed before anything else.

    Raises:
        SettingError: if the words name no cluster, its package is missing, or nobody answers.
    """
    from bedside.environment import versions

    form, host, port = _place(cluster)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # nothing goes to the makers of Ray; it asks when it is imported
    _require_packages(cluster, _FORMS[form])
    if form != "ray":
        _require_answer(cluster, host, port)
    here = versions()
    run = import_module(f"bedside.parallel.on_{form[:4].rstrip(':')}").run
    return run([Task(name, work, argument, here) for name, argument in tasks.items()], cluster)
