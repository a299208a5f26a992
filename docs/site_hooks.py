"""What the site shows that lies elsewhere in the repository: the notes for trainers, which go with the notebooks."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTES = "notebooks/TRAINER.md"
PAGE = "trainer-notes.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The notes become a page, read from where they lie."""
    files.append(File.generated(config, PAGE, abs_src_path=str(Path(config.config_file_path).parent / NOTES)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links to the file lead to that page; in the repository itself they lead to the file."""
    return markdown.replace(f"](../../{NOTES})", f"](../{PAGE})")
