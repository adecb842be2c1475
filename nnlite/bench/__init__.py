"""The bench: what the machine can do, and what the kernels and networks reach of it. `nnlite bench` prints it.

    works.py       the pieces of work that are timed, as small dicts, and the arrays that they compute with
    ours.py        a piece of work as a callable
    timing.py      milliseconds, and their median and quartiles
    machine.py     the processor's name, the versions; peak.py and peak_amx.py: the most that it can compute and move
    measure.py     all of it, in one dict; rows.py: how to find something in it; report.py: as text; picture.py: as a roofline

`tutorials/benchmark` compares with PyTorch and ONNX Runtime, and stands on this room.
"""
