"""What `print(plan)` shows: a line for each step."""


def listing(head, steps, cells=lambda step: ()):
    """A line `head`, then one line for each step: its kind, name, shape for one image, and `cells(step)`, words of its own."""
    rows = [(_kind(step) + (" + relu" if step.relu else ""), step.name, "×".join(map(str, step.shape)), *cells(step))
            for step in steps]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([head, *(f"  {line}" for line in lines)])


def _kind(step):
    return type(step.options["op"]).__name__ if step.kind == "operation" else step.kind
