"""What jobs and runs are doing, and what a task is, in a word: the same one on every page."""

from bedside.app.words import later

STATES = {
    "waiting": later("waits"),
    "running": later("runs"),
    "stopping": later("is being stopped"),
    "stopped": later("stopped"),
    "finished": later("finished"),
    "failed": later("failed"),
    "elsewhere": later("is being trained outside this app"),
    "unfinished": later("not finished"),
    "damaged": later("damaged"),
}
TASKS = {
    "binary": later("two classes"),
    "multiclass": later("several classes"),
    "regression": later("numbers"),
}


def capital(words: str) -> str:
    """The same at the beginning of a line."""
    return words[:1].upper() + words[1:]
