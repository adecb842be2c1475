"""Gradescope's autograder: a zip that grades, and holds no solution."""

import tempfile
import zipfile
from pathlib import Path

from assignment import HERE
from handout import handout

TOOLS = ("__main__", "assignment", "check", "checking", "grade", "handout", "pack", "student", "worker")
SETUP = "#!/usr/bin/env bash\npip3 install {needs}\n"
RUN = """#!/usr/bin/env bash
cd /autograder/source
python3 course grade {name} /autograder/submission --gradescope /autograder/results/results.json
"""


def pack(spec, out):
    """Write the autograder of an assignment: the tests, the tools, and the files as they are handed out, with their holes."""
    folder = HERE / spec["name"]
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("setup.sh", SETUP.format(needs=" ".join(spec["needs"])))
        archive.writestr("run_autograder", RUN.format(name=spec["name"]))
        handout(spec, Path(temporary))
        for path in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
            archive.write(path, f"course/pristine/{spec['name']}/{path.relative_to(temporary)}")
        for tool in TOOLS:
            archive.write(HERE / f"{tool}.py", f"course/{tool}.py")
        archive.write(HERE / f"{spec['name']}.toml", f"course/{spec['name']}.toml")
        for name in ("visible.py", "hidden.py", "scenarios.py"):
            if (folder / name).exists():
                archive.write(folder / name, f"course/{spec['name']}/{name}")
        for name in spec["data"]:
            archive.write(HERE / "data" / f"{name}.npz", f"course/data/{name}.npz")
