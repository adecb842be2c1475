"""Running a lesson of the tutorials."""

import importlib.util
import sys
from pathlib import Path

TUTORIALS = Path(__file__).parents[1] / "tutorials"


def cells_run(lesson):
    """The names that a lesson leaves behind."""
    spec = importlib.util.spec_from_file_location("build", TUTORIALS / "build.py")
    build = importlib.util.module_from_spec(spec)
    sys.modules["build"] = build
    spec.loader.exec_module(build)
    namespace = {"__name__": "__main__"}
    for cell in build.parse((TUTORIALS / f"{lesson}.py").read_text(encoding="utf-8")):
        if cell.kind == "code" and "remove-input" not in cell.tags:
            exec(cell.source, namespace)
    return namespace
