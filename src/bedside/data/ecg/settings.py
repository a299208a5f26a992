"""What may be asked of the generated electrocardiograms, `--set data.synthetic.NAME=VALUE`."""

from pydantic import Field, model_validator

from bedside.settings import Settings

MOST_GIGABYTES = 4  # recordings and what is computed on the way


class EcgSettings(Settings):
    """A cohort of synthetic electrocardiograms of leads II and V5; by default without a shortcut."""

    patients: int = Field(default=300, ge=1, le=1_000_000)
    """Patients, each with or without ischaemia."""
    recordings: int = Field(default=2, ge=1, le=100)
    """Recordings of each patient, at another time."""
    prevalence: float = Field(default=0.4, ge=0.01, le=0.99)
    """Share of patients with ischaemia to expect."""
    strength: float = Field(default=1.0, ge=0, le=5)
    """How far ischaemia lowers the ST segment and turns the T wave over; with 0 it changes nothing."""
    noise: float = Field(default=0.04, ge=0, le=2)
    """Standard deviation of muscle noise in mV; baseline wander and mains hum grow with it."""
    lead_faults: float = Field(default=0.04, ge=0, le=1)
    """Share of recordings whose leads are swapped, or one of them inverted, whatever the class."""
    rate: float = Field(default=250.0, ge=100, le=2000)
    """Time points per second."""
    seconds: float = Field(default=4.0, ge=1, le=600)
    """Length of a recording."""
    sites: int = Field(default=2, ge=1, le=2)
    """Hospitals; the second one's device has a lower gain and more hum."""
    shortcut: float = Field(default=0.0, ge=0, le=1)
    """Share of the ischaemic recordings of the last site that begin with a calibration pulse; no others do."""
    label_noise: float = Field(default=0.0, ge=0, le=0.5)
    """Share of patients whose recorded diagnosis is the wrong one."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Another seed, other patients; independent of the seed of the run."""

    @property
    def points(self) -> int:
        """Time points of a recording."""
        return round(self.seconds * self.rate)

    @model_validator(mode="after")
    def _fits_into_memory(self) -> "EcgSettings":
        gigabytes = self.patients * self.recordings * self.seconds * self.rate * 20 / 1e9
        if gigabytes > MOST_GIGABYTES:
            raise ValueError(
                f"{self.patients} patients with {self.recordings} recordings of {self.seconds:g} s at {self.rate:g} Hz would need "
                f"{gigabytes:.0f} GB of memory, the limit is {MOST_GIGABYTES} GB; lower patients, recordings, seconds or rate"
            )
        return self
