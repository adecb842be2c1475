"""Pages of a paper's figures: words by hand, and between two marks the tables that its script prints from its JSON file."""

from nnlite.files import write_atomically


def fill(path, tables):
    """Write each table between <!-- NAME --> and <!-- /NAME --> of the page; the rest of the page stays as it is.

    path: of a Markdown file.   tables: {NAME: text}.   Errors: ValueError for a name whose two marks the page does not have.

    >>> import tempfile, pathlib
    >>> page = pathlib.Path(tempfile.mkdtemp(), "page.md")
    >>> _ = page.write_text("Errors: <!-- errors -->old<!-- /errors -->.", encoding="utf-8")
    >>> fill(page, {"errors": "| 74 |"})
    >>> page.read_text(encoding="utf-8").split("-->")[1].split("<!--")[0].split()
    ['|', '74', '|']
    """
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path.name}: expected one {begin} and one {end}")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    write_atomically(path, lambda stream: stream.write(text.encode()))
