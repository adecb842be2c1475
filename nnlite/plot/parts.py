"""Where the bytes of a file go: a bar for each layer, split into what it holds."""

from nnlite.plot.size import size_text
from nnlite.plot.style import BLUE, DARK, GREY, LIGHT, ORANGE, as_written, figure, finished, styled

COLOURS = (BLUE, ORANGE, "#56b4e9", "#e69f00", GREY, "#009e73", "#cc79a7", "#f0e442", DARK, "#666666", LIGHT)  # Okabe & Ito


@styled()
def bytes_of_parts(layers, target=None):
    """Bytes of each layer, as a bar split into parts: positions, signs, sizes, biases, scales, …

    layers: {name: {part: bytes}}, such as `nncompress.inspect(path).by_layer`. A part has the same colour in all
    bars; parts without bytes are left out.   Errors: ValueError for no layers, or bytes below 0.
    """
    if not layers:
        raise ValueError("bytes_of_parts: there are no layers")
    for name, parts in layers.items():
        for part, size in parts.items():
            if not size >= 0:
                raise ValueError(f"bytes_of_parts: {part} of {name} has {size} bytes, expected 0 or more")
    names = list(dict.fromkeys(part for parts in layers.values() for part, size in parts.items() if size))
    colour = dict(zip(names, COLOURS, strict=False))
    totals = [sum(parts.values()) for parts in layers.values()]
    picture = figure(height=1.6 + 0.5 * len(layers))
    axes = picture.add_subplot()
    for y, parts in enumerate(layers.values()):
        start = 0
        for part in names:
            size = parts.get(part, 0)
            axes.barh(y, size, left=start, height=0.7, color=colour.get(part, GREY), edgecolor="white", linewidth=0.5)
            start += size
        axes.text(start + max(totals) / 100, y, size_text(start), va="center")
    for part in names:
        axes.barh(0, 0, color=colour.get(part, GREY), label=part)
    picture.legend(loc="outside lower center", ncols=min(len(names), 5))
    axes.set_yticks(range(len(layers)), [as_written(name) for name in layers])
    axes.invert_yaxis()
    axes.set(xlabel="bytes", xlim=(0, 1.12 * max(*totals, 1)), title=f"Where {size_text(sum(totals))} go")
    axes.grid(visible=False, axis="y")
    return finished(picture, target)
