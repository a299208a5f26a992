"""New patients held against those of a run."""

from bedside.monitoring.compare import Monitoring, monitor

__all__ = ["Monitoring", "monitor"]
