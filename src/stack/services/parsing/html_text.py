"""HTML to text: headings, lists, tables and code as Markdown writes them; no scripts, styles, forms or pictures."""

from __future__ import annotations

from html.parser import HTMLParser

from stack.services.parsing.tables import TableWriting
from stack.services.parsing.writing import Writing, one_line

_SKIPPED = {"script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "button"}
_BLOCKS = {
    *("p", "section", "article", "main", "header", "footer", "nav", "aside", "blockquote", "figure", "figcaption"),
    *("form", "fieldset", "address", "dl", "dt", "dd", "body", "caption", "details", "summary", "title", "hr", "li"),
    *("ul", "ol", "pre", "table"),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = {"td", "th"}
_LISTS = {"ul", "ol"}
# Nobody puts these into a cell of a table of data: the table arranges the page.
_NOT_IN_CELLS = {*_HEADINGS, *_LISTS, "pre", "table"}
_BREAK = "\v"
_DEEPEST_INDENT = 8  # of nested lists; deeper ones are written at this depth


def write_html(text: str, writing: Writing) -> None:
    """Write a page. Broken markup is read as far as it goes; nesting costs nothing."""
    page = _Page(writing)
    page.feed(text)
    page.close()
    page.end()


class _Page(HTMLParser):
    """Collects the words of one block or cell, and writes them when the next begins."""

    def __init__(self, writing: Writing) -> None:
        super().__init__(convert_charrefs=True)
        self._writing = writing
        self._words: list[str] = []
        self._skipping = ""
        self._depth = 0  # of the element that is skipped, in itself
        self._heading = 0
        self._preformatted = False
        self._lists: list[int] = []  # the next number of each list around; 0 for bullets
        self._marker = ""
        self._was_list = False
        self._table = TableWriting(writing)
        self._row: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping:
            self._depth += tag == self._skipping
        elif tag in _SKIPPED:
            self._skipping, self._depth = tag, 1
        elif tag == "img":
            self._words += [f" {value} " for name, value in attrs if name == "alt" and value]
        elif tag == "tr":
            self._end_row()
            self._end_block()
            self._row = []
        elif tag in _CELLS:
            self._end_cell()
        else:
            self._begin(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _SKIPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._depth -= tag == self._skipping
            self._skipping = self._skipping if self._depth else ""
        elif tag in _CELLS:
            self._end_cell()
        elif tag in ("tr", "table"):
            self._end_row()
        else:
            self._end(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._words.append(data)

    def end(self) -> None:
        """Write what is left open at the end of the page."""
        self._end_row()
        self._end_block()

    def _begin(self, tag: str) -> None:
        if tag in ("br", "div"):
            self._words.append(_BREAK)
        if self._row is not None and tag in _NOT_IN_CELLS:
            self._end_row()
        if self._row is not None or (tag not in _BLOCKS and tag not in _HEADINGS):
            return
        self._end_block()
        self._heading = _HEADINGS.get(tag, self._heading)
        self._preformatted = tag == "pre" or self._preformatted
        if tag in _LISTS:
            self._lists.append(int(tag == "ol"))
        elif tag == "li":
            self._marker = self._next_marker()
        elif tag == "table":
            self._table = TableWriting(self._writing)

    def _end(self, tag: str) -> None:
        if tag == "div":
            self._words.append(_BREAK)
        if self._row is not None or (tag not in _BLOCKS and tag not in _HEADINGS):
            return
        self._end_block()
        self._heading = 0
        if tag == "pre":
            self._preformatted = False
        elif tag == "li" or tag in _LISTS:
            self._marker = ""
        if tag in _LISTS and self._lists:
            self._lists.pop()

    def _next_marker(self) -> str:
        indent = "  " * min(max(0, len(self._lists) - 1), _DEEPEST_INDENT)
        if not self._lists or not self._lists[-1]:
            return f"{indent}- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1] - 1}. "

    def _end_block(self) -> None:
        text = "".join(self._words)
        self._words.clear()
        if self._preformatted:
            code = text.replace(_BREAK, "\n").strip("\r\n")
            text = f"```\n{code}\n```" if code.strip() else ""
        else:
            text = "\n".join(line for each in text.split(_BREAK) if (line := one_line(each)))
        if text:
            self._write(text)

    def _write(self, text: str) -> None:
        if self._heading:
            self._writing.heading(self._heading, text)
            self._heading = 0
        elif self._lists and self._was_list:
            self._writing.line(self._marker + text)
        else:
            self._writing.paragraph(self._marker + text)
        self._was_list = bool(self._lists)
        self._marker = " " * len(self._marker)

    def _end_cell(self) -> None:
        """A cell ends at its own end, or where the next begins."""
        if self._row is not None:
            text = one_line("".join(self._words))
            if text or self._words:
                self._row.append(text)
            self._words.clear()

    def _end_row(self) -> None:
        if self._row is not None:
            self._end_cell()
            self._table.row(self._row)
            self._row = None
