"""Synthetic dermoscopy: a generator of images of skin lesions whose truth is known, for every check that needs one."""

from bedside.data.dermoscopy.cohort import Generated, generate, without_rulers
from bedside.data.dermoscopy.settings import DermoscopySettings

__all__ = ["DermoscopySettings", "Generated", "generate", "without_rulers"]
