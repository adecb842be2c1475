"""What has to hold for every assignment: nothing leaks, the emptied copy scores 0, the reference all, mistakes lose points."""

import ast
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assignment import file_of, find, original
from grade import grade
from handout import handout

WORKERS = 2  # assignments that are checked at a time; each waits for processes
LARGE = 12  # nodes of an expression that would give an answer away


def check_all(specs):
    """The faults of these assignments, in sentences; a line of progress for each is printed."""
    faults = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for spec, found in zip(specs, pool.map(lambda spec: list(check(spec)), specs), strict=True):
            print(f"{spec['name']}: {len(spec['items'])} items, {len(spec['wrong'])} wrong solutions, "
                  f"{f'{len(found)} faults' if found else 'all as it has to be'}", flush=True)
            faults += [f"{spec['name']}: {fault}" for fault in found]
    return faults


def check(spec):
    """What is wrong with an assignment, sentence by sentence."""
    with tempfile.TemporaryDirectory() as folder:
        untouched, solved = Path(folder) / "untouched", Path(folder) / "solved"
        handout(spec, untouched)
        handout(spec, solved)
        yield from answers_in(untouched, spec)
        for item, got, wrong in grade(spec, untouched, 0)[0]:
            if got or "NotImplementedError" not in wrong:
                yield f"untouched: {item['name']}: {got} points, {wrong or 'passed'}"
        sources = {name: original(spec, name).read_text(encoding="utf-8") for name in spec["hole_files"]}
        for name, source in sources.items():
            (solved / name).write_text(source, encoding="utf-8")
        yield from (f"reference: {item['name']}: {wrong}" for item, _, wrong in grade(spec, solved, 1)[0] if wrong)
        if len(spec["wrong"]) < 5:
            yield f"there are {len(spec['wrong'])} wrong solutions, five are needed"
        for mistake in spec["wrong"]:
            yield from check_mistake(spec, mistake, sources, solved)


def check_mistake(spec, mistake, sources, solved):
    """A wrong solution has to lose the points of the items that it breaks."""
    places = [name for name, source in sources.items() if source.count(mistake["old"]) == 1]
    if len(places) != 1:
        yield f"{mistake['name']}: its `old` does not stand once in {', '.join(sources)}"
        return
    name = places[0]
    (solved / name).write_text(sources[name].replace(mistake["old"], mistake["new"]), encoding="utf-8")
    for item, got, _ in grade(spec, solved, 0, only=mistake["loses"])[0]:
        if got:
            yield f"{mistake['name']}: {item['test']} does not notice"
    unknown = set(mistake["loses"]) - {item["test"] for item in spec["items"]}
    yield from (f"{mistake['name']}: there is no item {test}" for test in sorted(unknown))
    (solved / name).write_text(sources[name], encoding="utf-8")


def answers_in(folder, spec):
    """Where a handout has a large expression of a hole's body, and files that do not belong into a handout."""
    solution = set()
    for module, name in spec["holes"]:
        function = find(ast.parse(original(spec, file_of(module)).read_text(encoding="utf-8")), name)
        for statement in function.body:
            if not isinstance(statement, ast.If):  # an `if` at the top raises errors; messages may be alike
                solution |= large_expressions(statement)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix not in (".py", ".md", ".json", ".npz"):
            yield f"{path.relative_to(folder)}: no such file belongs into a handout"
        elif path.suffix == ".py":
            found = solution & large_expressions(ast.parse(path.read_text(encoding="utf-8")))
            if found:
                yield f"{path.relative_to(folder)} contains the answer: {min(found)[:80]}"


def large_expressions(tree):
    """The dumps of all expressions with so many nodes that two people would not write them alike by chance."""
    return {ast.dump(node) for node in ast.walk(tree)
            if isinstance(node, ast.expr) and not isinstance(node, ast.JoinedStr) and sum(1 for _ in ast.walk(node)) >= LARGE}
