"""One seed of the run becomes independent seeds for everything that is random in it."""

import numpy as np


def derive(seed: int, *path: int) -> int:
    """A 63-bit seed for one place, such as (repeat, fold); different places never share a stream.

    Deriving instead of drawing makes a fit independent of what ran before it, so a resumed run repeats exactly.
    """
    state = np.random.SeedSequence([seed, *path]).generate_state(2, dtype=np.uint32)
    return int(state[0]) << 31 | int(state[1]) >> 1


def one_per_patient(patients: np.ndarray, seed: int) -> np.ndarray:
    """Rows (k,), ascending: one of each patient, drawn at random; `patients` names that of each row, (n,)."""
    order = np.random.default_rng(seed).permutation(len(patients))
    _, first = np.unique(np.asarray(patients, dtype=str)[order], return_index=True)
    return np.sort(order[first])
