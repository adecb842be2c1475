import types
from pathlib import Path

import pytest

import nnlite
from nnlite import models
from nnlite.cli.origin import made_by, stored_origin
from nnlite.errors import FormatError


def saved(metadata):
    nnlite.save("m.npz", models.cnn(1, 8, width=0.25), metadata=metadata)
    return Path("m.npz")


def test_what_is_kept_is_what_comes_back_and_options_without_a_value_are_left_out():
    arguments = types.SimpleNamespace(method="task", scale=0.5, pretrained=Path("a/p.npz"), epochs=None, data="digits",
                                      classes=[1, 2])
    made = made_by("fuse", [Path("a.npz")], arguments, ("method", "scale", "pretrained", "epochs"), {"a.npz": 0.5})
    assert made == {"command": "fuse", "sources": ["a.npz"],
                    "options": {"method": "task", "scale": 0.5, "pretrained": "a/p.npz"}, "data": "digits",
                    "classes": [1, 2], "accuracies": {"a.npz": 0.5}, "scores": {}}
    assert stored_origin(saved({"made": made})) == made
    assert stored_origin(saved({"data": "digits"})) is None


WHOLE = {"command": "fuse", "sources": [], "options": {}, "data": "digits", "classes": None, "accuracies": {}, "scores": {}}


@pytest.mark.parametrize("wrong", ["x", [], {}, WHOLE | {"options": []}, WHOLE | {"accuracies": {"a": "high"}},
                                   WHOLE | {"accuracies": {"a": float("nan")}}, WHOLE | {"scores": {"LogME": 3}},
                                   WHOLE | {"scores": {"LogME": {"a": None}}}, WHOLE | {"classes": 3}])
def test_an_origin_that_makes_no_sense_is_a_format_error(wrong):
    with pytest.raises(FormatError, match="m.npz: manifest.json: how the file was made is "):
        stored_origin(saved({"made": wrong}))
