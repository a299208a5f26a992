"""Files become a `Cohort`: reading, built-in cohorts, and checks."""

from pathlib import Path

from bedside.cohort import Cohort
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings


def read_cohort(source: str, settings: DataSettings | None = None) -> Cohort:
    """A built-in cohort by its name, or the cohort in a file by its path.

    A source with a suffix, such as `diabetes.csv`, is a file; one without is a built-in cohort, even if a file or
    folder has that name.

    Raises:
        DataError: if there is neither, with the nearest names of both.
    """
    from bedside.data import samples, table

    path = Path(source)
    if source in samples.COHORTS:
        return samples.load(source, settings)
    if path.suffix or path.exists():
        return table.read_table(path, settings)
    folder = path.parent if path.parent.is_dir() else Path()
    files = [str(folder / file.name) for file in folder.iterdir() if file.is_file()]
    raise DataError(
        f"There is no built-in cohort and no file '{source}'.{nearest(source, [*samples.COHORTS, *files])} "
        f"Built in: {', '.join(samples.COHORTS)}; files: .csv, .tsv, .parquet, .xlsx."
    )
