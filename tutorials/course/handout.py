"""The folder that a student gets: the library's files that the assignment names, with holes, and the visible tests."""

import ast
import json
import shutil
import string

from assignment import HERE, emptied, holes_in, original


def handout(spec, out):
    """Write the handout of an assignment to the folder `out`.

    Of the library it has the files that the assignment names, and no others: what nobody names cannot leak an answer.
    """
    label = spec["name"].split("_")[0]
    for relative in (*spec["files"], *spec["without_code"]):
        source = original(spec, relative).read_text(encoding="utf-8")
        if relative in spec["without_code"]:
            source = f'"""{ast.get_docstring(ast.parse(source), clean=False)}"""\n'
        target = out / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(emptied(source, holes_in(spec, relative), label), encoding="utf-8")
    write_tests(spec, out)
    write_readme(spec, out / "README.md")


def write_tests(spec, out):
    """The visible tests, what they read, and the program that runs them."""
    for folder in ("tests", "data"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for path in (HERE / spec["name"] / name for name in ("visible.py", "scenarios.py")):
        if path.exists():
            shutil.copy(path, out / "tests" / path.name)
    for name in spec["shared"]:
        shutil.copy(HERE / "shared" / f"{name}.py", out / "tests")
    for name in spec["data"]:
        shutil.copy(HERE / "data" / f"{name}.npz", out / "data")
    shutil.copy(HERE / "checking.py", out / "run_tests.py")
    items = [item | {"test": item["test"].split(":")[1]} for item in visible(spec)]
    settings = {"module": spec["module"], "environment": spec["environment"], "items": items}
    (out / "tests" / "items.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def visible(spec):
    """The items whose tests a student has."""
    return [item for item in spec["items"] if item["test"].startswith("visible:")]


def write_readme(spec, path):
    """The task in words."""
    points, seen = (sum(item["points"] for item in items) for items in (spec["items"], visible(spec)))
    words = spec | {key: "\n".join(f"* {line}" for line in spec[key]) for key in ("read", "hints")}
    words |= {"points": points, "visible": seen, "hidden": points - seen, "needs": " ".join(spec["needs"])}
    words["holes"] = "\n".join(f"* `{name}` in `{module.replace('.', '/')}.py`" for module, name in spec["holes"])
    words["files"] = ", ".join(f"`{name}`" for name in spec["hole_files"])
    template = string.Template((HERE / "handout.md").read_text(encoding="utf-8"))
    path.write_text(template.substitute(words), encoding="utf-8")
