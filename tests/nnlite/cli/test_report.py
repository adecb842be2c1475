import contextlib
import io
import json
import re
import shutil
import time
from html.parser import HTMLParser

import numpy as np
import pytest

import nnlite
from nnlite import data
from nnlite.bench.machine import cpu_name
from nnlite.cli import main
from nnlite.cli.page import table
from nnlite.cli.report import short_names

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Reads a page: every element is closed, and what it counts and refers to is kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.ids, self.words = [], [], [], set(), []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "data")]
        self.ids |= {value for name, value in attributes if name == "id"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture(scope="module")
def page(trained, tmp_path_factory):
    """What the command printed, and the page that it wrote, about an .npz and an .nnz file."""
    out, printed = tmp_path_factory.mktemp("report") / "r.html", io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["report", str(trained), str(trained.with_suffix(".nnz")), "--out", str(out), "--json"]) == 0
    return json.loads(printed.getvalue()), out.read_text(encoding="utf-8")


def test_the_page_is_complete_in_itself(page):
    _, text = page
    read = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert {"script", "link", "iframe", "object", "img"}.isdisjoint(read.tags)
    inside = {reference[1:] for reference in read.references if reference.startswith("#")}
    assert inside and inside <= read.ids
    assert all(reference.startswith(("#", "data:image/png;base64,")) for reference in read.references)
    assert "@import" not in text and "url(http" not in text


def test_the_page_has_a_table_of_all_files_and_their_pictures(page, trained):
    result, text = page
    read = Page(text)
    assert read.tags.count("table") == 1
    assert read.tags.count("svg") == 8  # comparison, training curves of the .npz, two confusion matrices, four layers
    assert [row["file"] for row in result["rows"]] == [str(trained), str(trained.with_suffix(".nnz"))]
    assert len(text) < 150_000
    for row in result["rows"]:
        for cell in (row["file"], f"{row['accuracy']:.2%}", f"{row['file_bytes']:,}", f"{row['macs']:,}"):
            assert cell in read.words
    assert "bits each" in text  # the .nnz's budget


def test_it_says_where_the_page_is(trained, run):
    assert run("report", trained, "--out", "r.html") == (0, "r.html: a report on 1 file\n", "")


def test_files_of_one_name_in_two_directories_are_told_apart(trained, run, tmp_path):
    assert short_names(["a/m.npz", "b/n.npz"]) == ["m.npz", "n.npz"]
    assert short_names(["a/m.npz", "b/m.npz"]) == ["a/m.npz", "b/m.npz"]
    long = ["a/the-first-network-of-the-winter.npz", "m.npz"]
    assert short_names(long) == ["the-first-ne…-winter.npz", "m.npz"]
    same = ["the-first-network-of-the-winter.npz", "the-first-network-on-the-winter.npz"]
    assert short_names(same) == same
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(trained, tmp_path / name / "m.npz")
    assert run("report", "a/m.npz", "b/m.npz", "--out", "r.html").code == 0
    words = Page((tmp_path / "r.html").read_text(encoding="utf-8")).words
    assert words.count("a/m.npz") == words.count("b/m.npz") > 1


def test_names_are_escaped(trained, run, tmp_path):
    assert table(["<b>"], [["&"]]).count("&lt;b&gt;") == table(["<b>"], [["&"]]).count("&amp;") == 1
    shutil.copy(trained, tmp_path / "<i>.npz")
    assert run("report", "<i>.npz", "--out", "r.html").code == 0
    assert "i" not in Page((tmp_path / "r.html").read_text(encoding="utf-8")).tags


def test_one_bad_file_is_named_and_no_page_is_written(trained, error_of, tmp_path):
    (tmp_path / "cut.nnz").write_bytes(b"NNZ\x01" + bytes(100))
    assert error_of("report", trained, "cut.nnz").startswith("cut.nnz: the checksum does not fit")


def test_it_says_on_what_and_with_what_the_files_were_measured(page):
    said = " ".join(Page(page[1]).words)
    for fact in ("360 test images of digits", f"nnlite {nnlite.__version__}", time.strftime("%Y-%m-%d"), cpu_name(),
                 "median of 7 runs of a batch of 256 images", "threads"):
        assert fact in said


def test_every_picture_says_in_words_what_it_shows(page, trained):
    told = re.findall(r'<svg role="img" aria-label="([^"]*)"', page[1])
    result = page[0]["rows"][0]
    assert len(told) == 8
    assert told[0].startswith(f"Test accuracy against size on disk: model.npz {result['accuracy']:.1%}, ")
    assert told[1].startswith("Training over 8 epochs: loss ")
    assert told[2].startswith(f"Confusion matrix: {360 - result['errors']} of 360 right; most mistakes: ")
    assert told[4] == ("How many weights of conv1 have which value: model.npz 72 weights, 0% of them 0; "
                       "model.nnz 72 weights, 0% of them 0")


def limits(text):
    """[(x, y)] of the words on the axes of each picture: equal scales have equal words."""
    return [re.findall(r"<text[^>]*>([−\d.,]+)</text>", svg) for svg in re.findall(r"(?s)<svg.*?</svg>", text)]


def test_pictures_of_a_kind_have_the_same_scales(trained, run, tmp_path):
    assert run("train", "--width", 0.25, "--epochs", 2, "--out", "short.npz").code == 0
    assert run("report", trained, "short.npz", "--out", "r.html").code == 0
    _, curves, _, short_curves, _, *layers = limits((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert curves == short_curves and "8" in curves
    assert len(layers) == 4 and all(layer == layers[0] for layer in layers) and "0.0" in layers[0]


def test_a_made_file_says_how_it_was_made_and_stands_beside_what_it_came_from(trained, run, tmp_path):
    assert run("fuse", trained, trained, "--out", "f.npz").code == 0
    words = ["--classes", "5,6,7", "--labels-per-class", 5, "--epochs", 1, "--baselines", "--out", "t.npz"]
    assert run("transfer", trained, *words).code == 0
    assert run("report", "f.npz", "--out", "f.html").code == 0
    assert run("report", "t.npz", "--classes", "5,6,7", "--out", "t.html").code == 0
    fused, moved = ((tmp_path / name).read_text(encoding="utf-8") for name in ("f.html", "t.html"))
    assert f"Made by <code>nnlite fuse</code> from {trained}, {trained} on digits: method average." in fused
    assert "Accuracy on test images, test accuracy (%): this file " in fused and "; their ensemble " in fused
    assert f"<code>nnlite transfer</code> from {trained} on digits: strategy gradual, labels-per-class 5, epochs 1" in moved
    assert "; scratch " in moved and "suits best, LogME on digits (higher is better): model.npz" in moved


def test_accuracies_on_other_data_are_not_shown_beside_the_files_own(trained, run, tmp_path):
    images, labels = data.load("digits")[1].images, data.load("digits")[1].labels
    np.savez("other.npz", images=images, labels=labels)
    assert run("distill", trained, "--epochs", 1, "--width", 0.25, "--out", "s.npz").code == 0
    assert run("report", "s.npz", "--data", "other.npz", "--out", "s.html").code == 0
    text = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert "on digits: loss hinton" in text and "Its accuracies were compared there, so they are not shown here." in text
    assert "the teacher" not in text
