"""Trainings and predictions that wait in line as plain files and are worked off by a process of their own.

Whoever asked may close the browser, and the server may end: what is finished stays, what was being trained goes on, and
what was cut short continues where it stood.
"""

from bedside.jobs.curves import Curve, curves
from bedside.jobs.job import KINDS, STATES, Job
from bedside.jobs.queue import Queue

__all__ = ["KINDS", "STATES", "Curve", "Job", "Queue", "curves"]
