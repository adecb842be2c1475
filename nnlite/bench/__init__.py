"""The bench: what the machine can do, what the kernels reach of it, and how long others take for the same work.

    works.py       the pieces of work that are timed, as small dicts, and the arrays that they compute with
    ours.py        a piece of work as a callable, done by nnlite; with_torch.py and with_onnxruntime.py, done by its peers
    worker.py      a process of its own for each of them, because their threads and allocators disturb each other
    contest.py     the workers take turns
    timing.py      milliseconds, and what is said of them
    machine.py     the processor's name, the versions; peak.py and peak_amx.py: the most that it can compute and move
    memory.py      the peak memory of training; compiling.py: the cost of compiling the kernels
    programme.py   who meets whom
    measure.py     all of it, in one dict; targets.py: what of it has to be reached; report.py: as text
    roofline.py    as a picture
"""
