"""What may be asked of the generated dermoscopy cohort, `--set data.synthetic.NAME=VALUE`."""

from pydantic import Field, model_validator

from bedside.settings import Settings, only_when

MOST_GIGABYTES = 16  # images and masks, which lie in memory


class DermoscopySettings(Settings):
    """A cohort of synthetic dermoscopy; by default without shortcut, site shift, duplicates or wrong labels."""

    patients: int = Field(default=600, ge=1, le=1_000_000)
    """Patients, each with one lesion."""
    images_per_patient: int = Field(default=1, ge=1, le=100)
    """Images of each lesion, from another angle, zoom and light."""
    size: int = Field(default=224, ge=32, le=1024)
    """Side of the square images in pixels."""
    malignant: float = Field(default=0.35, ge=0.01, le=0.99)
    """Share of malignant lesions to expect."""
    noise: float = Field(default=0.28, ge=0, le=10)
    """How much chance decides beside asymmetry, border, colours and diameter; with 0 they decide alone."""
    label_noise: float = Field(default=0.0, ge=0, le=0.5)
    """Share of patients whose recorded diagnosis is the wrong one."""
    ruler: float = Field(default=0.3, ge=0, le=1)
    """Share of images with a ruler, as long as `shortcut` is 0."""
    shortcut: float = Field(default=0.0, ge=0, le=1)
    """How far the ruler goes with malignancy: 0 not at all, 1 exactly with it."""
    hair: float = Field(default=0.35, ge=0, le=1)
    """Share of images with hair, whatever the class."""
    sites: int = Field(default=1, ge=1, le=5)
    """Hospitals, each with its own camera."""
    site_shift: float = Field(default=1.0, ge=0, le=2, json_schema_extra=only_when(sites=(2, 3, 4, 5)))
    """How far the cameras differ in colour, dark corners, sharpness and resolution; with 0 not at all."""
    duplicates: float = Field(default=0.0, ge=0, le=0.9)
    """Share of images that are exact or altered copies of an earlier image under another patient."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Another seed, other patients; independent of the seed of the run."""

    @model_validator(mode="after")
    def _ruler_can_act(self) -> "DermoscopySettings":
        if self.shortcut == 1 and "ruler" in self.model_fields_set:
            raise ValueError("ruler has no effect while shortcut is 1: malignant lesions have one, the others none")
        return self

    @model_validator(mode="after")
    def _fits_into_memory(self) -> "DermoscopySettings":
        gigabytes = self.patients * self.images_per_patient * self.size**2 * 5 / 1e9
        if gigabytes > MOST_GIGABYTES:
            raise ValueError(
                f"{self.patients} patients with {self.images_per_patient} images of {self.size} pixels a side would need "
                f"{gigabytes:.0f} GB of memory, the limit is {MOST_GIGABYTES} GB; lower patients, images_per_patient or size"
            )
        return self
