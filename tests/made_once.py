"""Small runs that many tests read are made once, also where several processes share the tests of a session."""

import os
import shutil

from filelock import FileLock


def made_once(tmp_path_factory, name, make):
    """A folder that `make` fills, the same one for every process of this session; whoever writes into it takes a copy."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = root / f"made-{name}", root / f"made-{name}.done"
    with FileLock(root / f"made-{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a process that died meanwhile
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
