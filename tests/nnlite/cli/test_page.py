import re

import numpy as np
import pytest
from browser import scroll_widths
from pictures import MATRIX, PLOTS

from nnlite import plot
from nnlite.cli.page import listing, page, pictures, table


def example():
    """A page with a wide table, a wide listing and one of every picture that a report has."""
    kinds = ("training_curves", "confusion_matrix", "weight_histograms", "accuracy_against_bytes", "horizontal_bars")
    drawn = [(draw(data), f"a picture of {name}") for name, (draw, data) in PLOTS.items() if name in kinds]
    many = plot.confusion_matrix(np.eye(40, dtype=int) + 1)
    wide = table(["column"] * 30, [["12,345,678"] * 30])
    return page("A title", [wide, listing("x" * 300), pictures(*drawn, (many, "many"))])


@pytest.fixture(scope="module")
def text():
    return example()


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_what_is_too_wide_scrolls_in_its_own_box_and_never_the_page(text, tmp_path, width):
    assert scroll_widths({"page": text}, tmp_path, width) == {"page": width}
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text


def colours(text):
    """The variables of the page: {name: (r, g, b)}, in light and in dark."""
    light, dark = (dict(re.findall(r"--(\w+): (#\w{6});", rules)) for rules in text.split("prefers-color-scheme: dark", 1))
    assert light.keys() == dark.keys()
    return [{name: np.array([int(c[i : i + 2], 16) for i in (1, 3, 5)]) for name, c in scheme.items()}
            for scheme in (light, dark)]


def luminance(colour):
    c = colour / 255
    return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    """(L + 0.05) ÷ (l + 0.05), as WCAG 2.1 defines it."""
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_what_the_definition_gives():
    assert contrast(np.zeros(3), np.full(3, 255)) == pytest.approx(21)
    assert contrast(np.array([119, 119, 119]), np.full(3, 255)) == pytest.approx(4.48, abs=0.005)  # #777777, a known value


def test_all_words_can_be_read_in_light_and_in_dark(text):
    for c in colours(text):
        for words, ground in (("ink", "paper"), ("ink", "box"), ("soft", "paper")):
            assert contrast(c[words], c[ground]) >= 4.5
        for mark in ("blue", "orange", "grey"):
            assert contrast(c[mark], c["paper"]) >= 3
        cells = re.findall(r"fill: var\(--(blue|orange)\); opacity: ([\d.]+)", text)
        assert len({name for name, _ in cells}) == 2
        for name, opacity in [*cells, ("blue", 0.6), ("orange", 0.6)]:  # the most that a confusion matrix has
            ground = float(opacity) * c[name] + (1 - float(opacity)) * c["paper"]
            assert contrast(c["ink"], ground) >= 4.5


def test_pictures_have_the_pages_colours_and_no_others(text):
    rules, body = re.search("(?s)<style>(.*)</style>(.*)", text).groups()
    of_pictures = "".join(re.findall(r"\.s\d+ \{.*?\}", rules))
    assert re.findall(r"#\w{6}\b|rgb|black|white", of_pictures) == [] == re.findall(r'style="|(?:fill|stroke)="', body)
    words = re.findall(r'<text class="(\w+)"', body)
    assert words and all(re.search(rf"\.{name} \{{[^}}]*fill: var\(--ink\)", rules) for name in set(words))


def test_no_two_elements_have_the_same_id_and_each_id_is_used(text):
    ids = re.findall(r' id="([^"]*)"', text)
    assert len(ids) == len(set(ids)) > 5
    assert set(ids) == set(re.findall(r'(?:href="|url\()#([\w-]+)', text))


def test_each_picture_and_each_box_has_a_name():
    text = page("t", [table(["a"], [["b"]]), pictures((plot.confusion_matrix(MATRIX), '27 of 30 "right" & 3 <wrong>'))])
    assert 'role="img" aria-label="27 of 30 &quot;right&quot; &amp; 3 &lt;wrong&gt;"' in text
    assert '<div class="scroll" role="region" aria-label="table" tabindex="0"><table>' in text


def test_words_that_are_numbers_keep_all_their_digits():
    text = page("t", [pictures((plot.horizontal_bars({"a": 0.04961, "b": 1}, "0.123456", "l"), "of 0.98765"))])
    assert ">0.04961</text>" in text and ">0.123456</text>" in text and "of 0.98765" in text
