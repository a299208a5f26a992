"""Words for samples that a model has learned from: their scores look better than those of new patients will."""

from bedside.app import parts
from bedside.app.words import t
from bedside.seen_before import SeenBefore


def draw_familiar(seen: SeenBefore) -> None:
    """A warning if some were learned from, and a line if nobody can tell; nothing about samples that are new."""
    if not seen.told:
        parts.tag("p", t("Whether the model has learned from some of these samples cannot be told: the data of its training are no longer where they were."), "soft")  # fmt: skip
        return
    if not seen.any:
        return
    sentences = []
    if seen.equal:
        sentences.append(t("{count} of these {all} samples have exactly the values of one that this model has learned from.",
                           count=f"{seen.equal:,}", all=f"{seen.samples:,}"))  # fmt: skip
    if seen.named:
        sentences.append(t("{count} of these {all} samples are other ones that bear the identifier of a patient it has learned from.",
                           count=f"{seen.named:,}", all=f"{seen.samples:,}"))  # fmt: skip
    todo = t("The scores of these are surer than those of new patients. How good the model is, its report says.")
    for place, sentence in enumerate(sentences):
        last = place == len(sentences) - 1
        parts.notice(sentence, "warning", title="" if place else t("Known from training"), todo=todo if last else "")
