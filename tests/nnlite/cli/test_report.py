import contextlib
import io
import json
import shutil
from html.parser import HTMLParser

import pytest

from nnlite.cli import main
from nnlite.cli.report import short_names, table

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
    assert read.tags.count("svg") == 5  # comparison, training curves of the .npz, two confusion matrices, histograms
    assert [row["file"] for row in result["rows"]] == [str(trained), str(trained.with_suffix(".nnz"))]
    for row in result["rows"]:
        for cell in (row["file"], f"{row['accuracy']:.2%}", f"{row['file_bytes']:,}", f"{row['macs']:,}"):
            assert cell in read.words
    assert "bits each" in text  # the .nnz's budget


def test_it_says_where_the_page_is(trained, run):
    assert run("report", trained, "--out", "r.html") == (0, "r.html: a report on 1 files\n", "")


def test_files_of_one_name_in_two_directories_are_told_apart(trained, run, tmp_path):
    assert short_names(["a/m.npz", "b/n.npz"]) == ["m.npz", "n.npz"]
    assert short_names(["a/m.npz", "b/m.npz"]) == ["a/m.npz", "b/m.npz"]
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
