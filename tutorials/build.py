"""Lessons from their one source: NN_name.py in percent format -> NN_name.md, a web site, notebooks.

    python tutorials/build.py [06 …]       run these lessons, or all; write NN_name.md and pictures/NN_name-*.png
    python tutorials/build.py --check      run, write no page, fail where a page is not what its source gives
    python tutorials/build.py --html DIR   also a static site
    python tutorials/build.py --ipynb DIR  also notebooks

The page about the articles, `articles`, is built in the same way. The packages that this needs: pip install '.[tutorials]'

In a source, `# %% [markdown]` starts text and `# %%` code. Tags, as Jupyter has them, may follow: `# %% tags=["…", "…"]`
volatile       what the cell prints differs between runs or machines and is not compared
remove-input   the page shows the cell's picture, with a link in place of the code
experiment     no exercise needs what the cell finds: the tests of the exercises leave it out
`plt.subplots(num="name")` names a picture's file; `# alt: …` describes it for those who do not see it.
"""

import argparse
import base64
import contextlib
import difflib
import html
import io
import json
import os
import re
import shutil
import string
import sys
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
HERE = Path(__file__).resolve().parent
ALT = re.compile(r"(?m)^# alt: (.*)\n|  # alt: (.*)$")


@dataclass
class Cell:
    kind: str                                               # "text" or "code"
    source: str
    line: int                                               # of its first line in the file, from 1
    tags: str = ""
    printed: str = ""
    pictures: list = field(default_factory=list)            # (file name, what it shows, PNG bytes)


def lessons():
    """The sources, in reading order."""
    return [*sorted(HERE.glob("[0-9][0-9]_*.py")), *HERE.glob("articles.py")]


def parse(source):
    """The cells of a percent-format script."""
    cells = []
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith("# %%"):
            cells.append(Cell("text" if "[markdown]" in line else "code", "", number + 1, line))
        else:
            cells[-1].source += f"\n{re.sub('^# ?', '', line) if cells[-1].kind == 'text' else line}"
    return [replace(cell, source=cell.source[1:].rstrip()) for cell in cells]


def run(path):
    """Run a lesson from top to bottom -> its cells, with what they printed and drew. A warning is an error."""
    import matplotlib.pyplot as plt

    cells, namespace = parse(path.read_text()), {"__name__": "__main__", "__file__": str(path)}
    plt.close("all")
    plt.rcdefaults()
    with warnings.catch_warnings(action="error"):
        for cell in (c for c in cells if c.kind == "code"):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):       # the empty lines let an error name the lesson's own line
                exec(compile("\n" * (cell.line - 1) + cell.source, str(path), "exec"), namespace)
            cell.printed, alts = printed.getvalue().rstrip(), [a or b for a, b in ALT.findall(cell.source)]
            if len(alts) != len(plt.get_fignums()):
                raise SystemExit(f"{path.name}:{cell.line}: {len(plt.get_fignums())} pictures, {len(alts)} times '# alt: …'")
            for number, alt in zip(plt.get_fignums(), alts, strict=True):
                png, figure = io.BytesIO(), plt.figure(number)
                figure.savefig(png, format="png", metadata={"Software": None})
                cell.pictures.append((f"{path.stem}-{figure.get_label() or cell.line}.png", alt, png.getvalue()))
            plt.close("all")
    return cells


def markdown(path, cells):
    """The page as GitHub shows it."""
    parts = []
    for cell in cells:
        if "remove-input" not in cell.tags:
            parts.append(cell.source if cell.kind == "text" else f"```python\n{ALT.sub('', cell.source)}\n```")
        if cell.printed:
            parts.append("<!-- volatile -->\n" * ("volatile" in cell.tags) + f"```text\n{cell.printed}\n```")
        parts += [f"![{alt}](pictures/{name})" for name, alt, _ in cell.pictures]
        if "remove-input" in cell.tags:
            lines = f"#L{cell.line}-L{cell.line + cell.source.count(chr(10))}"
            parts.append(f"<sub>[how it was drawn]({path.name}{lines})</sub>")
    return "\n\n".join(parts) + "\n"


def write(page, text, cells):
    """A page and, beside it, its pictures."""
    page.write_text(text)
    for name, _, png in (picture for cell in cells for picture in cell.pictures):
        (page.parent / "pictures").mkdir(exist_ok=True)
        (page.parent / "pictures" / name).write_bytes(png)


def differences(page, text, cells):
    """Between the page on disk and the one just made, but for outputs that are volatile: lines of a diff."""
    old, new = (re.sub(r"(?s)(<!-- volatile -->\n```text\n).*?(\n```\n)", r"\1…\2", t).splitlines()
                for t in (page.read_text() if page.exists() else "", text))
    yield from (f"missing: pictures/{name}" for cell in cells for name, _, _ in cell.pictures
                if not (page.parent / "pictures" / name).exists())
    yield from difflib.unified_diff(old, new, page.name, "what its source gives", lineterm="")


def notebook(cells):
    """The lesson as .ipynb, with outputs. Jupyter wants formulas between dollars."""
    result = []
    for number, cell in enumerate(cells):
        outputs = [{"output_type": "stream", "name": "stdout", "text": cell.printed + "\n"}] if cell.printed else []
        for _, alt, png in cell.pictures:
            shown = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
            outputs.append({"output_type": "display_data", "data": shown, "metadata": {}})
        formulas = re.sub(r"```math\n(.*?)\n```", r"$$\n\1\n$$", cell.source, flags=re.DOTALL)
        result.append({"id": f"cell-{number}", "metadata": {}} | (
            {"cell_type": "markdown", "source": re.sub(r"\$`(.+?)`\$", r"$\1$", formulas)} if cell.kind == "text" else
            {"cell_type": "code", "source": ALT.sub("", cell.source), "execution_count": None, "outputs": outputs}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": result, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}, indent=1)


def renderer():
    """Markdown -> HTML: formulas become MathML, Python gets its colours."""
    from latex2mathml.converter import convert
    from markdown_it import MarkdownIt
    from pygments import formatters, highlight, lexers

    def read_formula(state, silent):
        found = re.compile(r"\$`(.+?)`\$", re.DOTALL).match(state.src, state.pos)
        if found and not silent:
            state.push("formula", "", 0).content = found[1]
        state.pos = found.end() if found else state.pos
        return bool(found)

    def write_fence(self, tokens, i, options, env):
        text, language = tokens[i].content, tokens[i].info
        if language == "math":
            return f'<div class="math" tabindex="0">{convert(text, display="block")}</div>\n'
        text = highlight(text, lexers.get_lexer_by_name(language or "text"), formatters.HtmlFormatter(nowrap=True))
        return f'<pre class="{language}" tabindex="0"><code>{text}</code></pre>\n'

    md = MarkdownIt("commonmark").enable("table")
    md.inline.ruler.before("backticks", "formula", read_formula)
    md.add_render_rule("formula", lambda self, tokens, i, options, env: convert(tokens[i].content))
    md.add_render_rule("fence", write_fence)
    return md.render


def site(pages, folder):
    """index.html, a page for each lesson and for each paper, pictures/ and style.css; none of them needs a network."""
    from pygments.formatters import HtmlFormatter

    folder.mkdir(parents=True, exist_ok=True)
    light, dark = (re.findall(r"(?m)^pre \.(?!err).*", HtmlFormatter(style=style).get_style_defs("pre"))
                   for style in ("default", "github-dark"))
    rules = "\n".join([*light, "@media (prefers-color-scheme: dark) {", *dark, "}\n"])
    (folder / "style.css").write_text((HERE / "style.css").read_text() + rules)
    template, render = string.Template((HERE / "page.html").read_text()), renderer()
    titles = [html.escape(re.search(r"(?m)^# (.*)", text)[1]) for _, text, _ in pages]
    links = [f'<a href="{path.stem}.html">{title}</a>' for (path, _, _), title in zip(pages, titles, strict=True)]
    for i, (path, text, cells) in enumerate(pages):
        before, after = f"←&nbsp;{links[i - 1]}" if i else "", f"{links[i + 1]}&nbsp;→" if i + 1 < len(links) else ""
        nav = f'<nav><span>{before}</span><a href="index.html">Contents</a><span>{after}</span></nav>'
        body = re.sub(r'(<a href="(?:\d\d_\w+|articles|papers/\w+))\.md', r"\1.html", render(text))
        body = polished(body)
        (folder / path.name).write_text(path.read_text())
        write(folder / f"{path.stem}.html", template.substitute(title=titles[i], body=f"{nav}\n{body}\n{nav}", up=""), cells)
    contents = "<h1>Lessons</h1>\n<p>" + "</p>\n<p>".join(links) + "</p>\n<h2>Experiments of the papers, repeated</h2>\n<p>"
    contents += "</p>\n<p>".join(papers(folder / "papers", template, render)) + "</p>"
    (folder / "index.html").write_text(template.substitute(title="Lessons", body=contents, up=""))


def polished(body):
    """HTML in which a formula keeps the comma that follows it in its line, and a picture leads to its file."""
    body = re.sub(r"(?s)(<math(?:(?!</math>).)*</math>)([,.;:!?)]+)", r'<span class="whole">\1\2</span>', body)
    return re.sub(r'<p>(<img src="([^"]+)"[^>]*>)</p>', r'<figure><a href="\2">\1</a></figure>', body)


def papers(folder, template, render):
    """The pages of the papers' experiments, with their pictures -> links to them. A page without its picture stays out."""
    folder.mkdir(exist_ok=True)
    nav = '<nav><a href="../index.html">Contents</a></nav>'
    for path in sorted((HERE / "papers").glob("*.md")):
        text = path.read_text()
        body = polished(re.sub(r'(?s)<a href="(?!http|#)[^"]*">(.*?)</a>', r"\1", render(text)))  # the site has no other files
        pictures = re.findall(r'<img src="([^"]+)"', body)
        if not all((path.parent / picture).exists() for picture in pictures):
            continue
        for picture in pictures:
            (folder / picture).parent.mkdir(exist_ok=True)
            shutil.copy(path.parent / picture, folder / picture)
        title = html.escape(re.search(r"(?m)^# (.*)", text)[1])
        (folder / f"{path.stem}.html").write_text(template.substitute(title=title, body=f"{nav}\n{body}\n{nav}", up="../"))
        yield f'<a href="papers/{path.stem}.html">{title}</a>'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons, or articles; all where none is given")
    parser.add_argument("--check", action="store_true", help="write no page; fail where one is not what its source gives")
    parser.add_argument("--html", type=Path, metavar="DIR", help="also a static site")
    parser.add_argument("--ipynb", type=Path, metavar="DIR", help="also notebooks")
    args = parser.parse_args()
    sources = {path.stem if path.stem == "articles" else path.name[:2]: path for path in lessons()}
    unknown = [name for name in args.lessons if name not in sources]
    if unknown:
        parser.error(f"there is no lesson {', '.join(unknown)}; there are {', '.join(sources)}")
    paths = [path for name, path in sources.items() if not args.lessons or name in args.lessons]
    pages, wrong = [], []
    for path in paths:
        pages.append((path, markdown(path, cells := run(path)), cells))
        page = (path.with_suffix(".md"), *pages[-1][1:])
        wrong += differences(*page) if args.check else write(*page) or []
    if args.html:
        site(pages, args.html)
    if args.ipynb:
        args.ipynb.mkdir(parents=True, exist_ok=True)
        for path, _, cells in pages:
            (args.ipynb / f"{path.stem}.ipynb").write_text(notebook(cells))
    print("\n".join(wrong) or f"{', '.join(p.name for p in paths)}: {'as built' if args.check else 'built'}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
