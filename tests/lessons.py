"""Running a lesson of the tutorials for its exercises."""

from pathlib import Path

import build

TUTORIALS = Path(build.__file__).parent


def cells_run(lesson):
    """The names that a lesson leaves behind. Left out are its pictures, and its experiments, which no exercise needs."""
    namespace = {"__name__": "__main__"}
    for cell in build.parse((TUTORIALS / f"{lesson}.py").read_text(encoding="utf-8")):
        if cell.kind == "code" and "remove-input" not in cell.tags and "experiment" not in cell.tags:
            exec(cell.source, namespace)
    return namespace
