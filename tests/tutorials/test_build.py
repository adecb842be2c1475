import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest
from browser import scroll_widths

TUTORIALS = Path(__file__).parents[2] / "tutorials"
LESSON = '''# %% [markdown]
# # One and one
#
# A formula: $`1 + 1 = 2`$.
#
# ```math
# a + b
# ```

# %%
print(1 + 1)

# %% tags=["volatile"]
import time

print(time.perf_counter())

# %% tags=["remove-input"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots(num="line")  # alt: A line that rises.
ax.plot([0, 1], [0, 1]);
'''


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("build", TUTORIALS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "00_one.py"
    path.write_text(LESSON, encoding="utf-8")
    return path


def page_of(build, path):
    cells = build.run(path)
    text = build.markdown(path, cells)
    page = path.with_suffix(".md")
    return page, text, cells


def test_a_source_becomes_text_and_code_with_the_lines_where_they_stand(build):
    cells = build.parse(LESSON)
    assert [cell.kind for cell in cells] == ["text", "code", "code", "code"]
    assert cells[0].source.startswith("# One and one\n\nA formula: $`1 + 1 = 2`$.")
    assert cells[1].source == "print(1 + 1)" and LESSON.splitlines()[cells[1].line - 1] == "print(1 + 1)"


def test_the_page_has_text_code_what_was_printed_and_the_picture_with_its_description(build, lesson):
    _, text, cells = page_of(build, lesson)
    assert "```python\nprint(1 + 1)\n```\n\n```text\n2\n```" in text
    assert "![A line that rises.](pictures/00_one-line.png)" in text
    assert "ax.plot" not in text and "[how it was drawn](00_one.py#L" in text
    assert cells[3].pictures[0][2].startswith(b"\x89PNG")


def test_a_page_as_built_has_no_differences_though_the_volatile_output_is_another(build, lesson):
    build.write(*page_of(build, lesson))
    page, text, cells = page_of(build, lesson)
    assert text != page.read_text()
    assert list(build.differences(page, text, cells)) == []


def test_a_changed_output_and_a_missing_picture_are_told(build, lesson):
    page, text, cells = page_of(build, lesson)
    build.write(page, text.replace("```text\n2\n```", "```text\n3\n```"), cells)
    (page.parent / "pictures" / "00_one-line.png").unlink()
    told = list(build.differences(page, text, cells))
    assert "missing: pictures/00_one-line.png" in told and "-3" in told and "+2" in told


def test_a_failing_assert_names_the_lessons_own_line(build, tmp_path):
    path = tmp_path / "00_wrong.py"
    path.write_text("# %% [markdown]\n# # Wrong\n\n# %%\nx = 1\nassert x == 2\n")
    with pytest.raises(AssertionError) as error:
        build.run(path)
    assert error.traceback[-1].path == path and error.traceback[-1].lineno + 1 == 6


def test_a_warning_is_an_error(build, tmp_path):
    path = tmp_path / "00_warns.py"
    path.write_text('# %%\nimport warnings\nwarnings.warn("old", DeprecationWarning)\n')
    with pytest.raises(DeprecationWarning, match="old"):
        build.run(path)


def test_a_picture_without_a_description_is_refused(build, tmp_path):
    path = tmp_path / "00_blind.py"
    path.write_text("# %%\nimport matplotlib.pyplot as plt\nplt.subplots()\n")
    with pytest.raises(SystemExit, match="1 pictures, 0 times '# alt: …'"):
        build.run(path)


def test_a_notebook_has_the_cells_and_formulas_between_dollars(build, lesson):
    notebook = json.loads(build.notebook(build.run(lesson)))
    text, first, *_ = notebook["cells"]
    assert "$1 + 1 = 2$" in text["source"] and "$$\na + b\n$$" in text["source"]
    assert first["outputs"][0]["text"] == "2\n"


def test_the_site_needs_no_network_and_sets_formulas_as_mathml(build, lesson, tmp_path):
    pytest.importorskip("latex2mathml", reason="the site needs the extra 'tutorials'")
    path, text, cells = lesson, *page_of(build, lesson)[1:]
    build.site([(path, text, cells)], tmp_path / "site")
    page = (tmp_path / "site" / "00_one.html").read_text()
    assert re.search('(?s)<span class="whole"><math.*</math>[.]</span>', page)  # no line begins with the full stop
    assert "http" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert 'name="viewport"' in page and 'href="index.html"' in page
    assert "prefers-color-scheme: dark" in (tmp_path / "site" / "style.css").read_text()
    assert "One and one" in (tmp_path / "site" / "index.html").read_text()


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    """The site of the pages as they are in the repository, without running the lessons."""
    pytest.importorskip("latex2mathml", reason="the site needs the extra 'tutorials'")
    folder = tmp_path_factory.mktemp("site")
    build.site([(path, path.with_suffix(".md").read_text(encoding="utf-8"), []) for path in build.lessons()], folder)
    shutil.copytree(TUTORIALS / "pictures", folder / "pictures")
    return folder


def test_every_link_of_the_site_within_it_leads_to_a_file(site):
    for page in site.rglob("*.html"):
        links = re.findall(r'(?:href|src)="([^":#]+)["#]', page.read_text(encoding="utf-8"))
        assert links and [link for link in links if not (page.parent / link).exists()] == [], page.name


def test_the_site_has_the_papers_pages_and_lessons_lead_to_them(site):
    pages = {path.stem for path in (site / "papers").glob("*.html")}
    assert {"byte_budget", "few_labels", "rebasin"} <= pages <= {path.stem for path in TUTORIALS.glob("papers/*.md")}
    assert all(f'href="papers/{name}.html"' in (site / "index.html").read_text(encoding="utf-8") for name in pages)
    assert 'href="papers/rebasin.html"' in (site / "14_fusion.html").read_text(encoding="utf-8")


def test_no_page_scrolls_sideways_on_a_phone(site):
    pages = {page.stem: page.read_text("utf-8").replace('"../', '"') for page in sorted(site.rglob("*.html"))}
    widths = scroll_widths(pages, site)
    assert widths and {name: width for name, width in widths.items() if width != 390} == {}


def test_every_lesson_has_its_page_and_every_page_its_lesson():
    names = {path.stem for path in TUTORIALS.glob("[0-9][0-9]_*.py")}
    assert names and names == {path.stem for path in TUTORIALS.glob("[0-9][0-9]_*.md")}


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("[0-9][0-9]_*.py")), ids=lambda path: path.stem)
def test_a_lessons_formulas_are_what_github_shows(path):
    text = path.read_text(encoding="utf-8")
    assert r"\operatorname" not in text and text.count("# ```math") * 2 <= text.count("# ```")
    assert text.startswith("# %% [markdown]\n# # ")
