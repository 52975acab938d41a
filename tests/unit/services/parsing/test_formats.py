"""Files of each format become text with headings, lists, tables, and places to cite. Samples: see their README."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from office_files import docx, page_objects, paragraph, pdf, relations, xlsx, zipped

from stack.errors import ParseFailed
from stack.services.parsing import Limits, ParsedDocument
from stack.services.parsing.reading import read_document

SAMPLES = Path(__file__).with_name("samples")


def read(
    content: bytes | str, name: str = "", media_type: str | None = None, limits: Limits | None = None
) -> ParsedDocument:
    data = content.encode() if isinstance(content, str) else content
    return read_document(io.BytesIO(data), name, media_type, limits or Limits())


def sample(name: str) -> ParsedDocument:
    return read((SAMPLES / name).read_bytes(), name)


def parts(document: ParsedDocument) -> list[tuple[str, str, str]]:
    """Kind, label and text of each part."""
    return [(span.kind, span.label, document.text[span.start : span.end].strip()) for span in document.spans]


def test_a_word_document_keeps_headings_lists_and_tables():
    document = sample("report.docx")
    assert document.text.split("\n\n") == [
        "# Quarterly report",
        "# Results",
        "Revenue grew by 12 percent. Café naïve.",
        "- first\n- second\n1. one\n2. two",
        "| Name | Amount |\n| --- | --- |\n| North\\|South | 42 |",
        "## Outlook",
        "We expect growth.",
        "The end.\n",
    ]
    assert [span.label for span in document.spans] == ["Quarterly report", "Results", "Results > Outlook"]


def test_a_presentation_keeps_slides_levels_tables_and_notes():
    assert parts(sample("talk.pptx")) == [
        ("slide", "slide 1", "# Welcome\n\n- Point one\n  - Detail\n\nNotes: Speak slowly."),
        ("slide", "slide 2", "# Numbers\n\n| Year | Sales |\n| --- | --- |\n| 2025 | 7 |\n\nA free text box"),
    ]


def test_a_workbook_shows_values_as_a_reader_sees_them():
    assert parts(sample("book.xlsx"))[0] == (
        "sheet",
        "Sales",
        "# Sales\n\n| Region | Amount | Day | Share | Ok |\n| --- | --- | --- | --- | --- |\n"
        "| North | 0.3 | 2025-03-01 | 12345678 | TRUE |\n| South | 1e-07 | 2025-03-02 13:30:00 |  | FALSE |",
    )
    assert parts(sample("book.xlsx"))[1][2].endswith("| left |  | right |\n| --- | --- | --- |\n| bottom |")
    assert sample("writer.xlsx").text.endswith("| a | b |\n| --- | --- |\n| 2 | 2024-02-29 |\n")


def test_a_pdf_keeps_its_pages():
    assert parts(sample("two.pdf")) == [
        ("page", "page 1", "The first page tells of apples."),
        ("page", "page 2", "The second page tells of pears."),
    ]


def test_a_pdf_that_only_forbids_printing_is_read():
    assert sample("owner.pdf").text == "Locked words."


@pytest.mark.parametrize(
    ("name", "message"),
    [("user.pdf", "encrypted: save it without a password"), ("blank.pdf", "holds no text.*OCR")],
)
def test_a_pdf_without_readable_text_says_why(name: str, message: str):
    with pytest.raises(ParseFailed, match=message):
        sample(name)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (paragraph("a") + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>", "a"),
        (
            "<w:p><w:moveFrom><w:r><w:t>old</w:t></w:r></w:moveFrom><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>",
            "new",
        ),
        (paragraph("a", '<w:pPrChange><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:pPrChange>'), "a"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:r><w:t>in </w:t></w:r><w:hyperlink><w:r><w:t>a link</w:t></w:r></w:hyperlink></w:p>", "in a link"),
        ("<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>field</w:t></w:r></w:p>", "field"),
        (f"<w:p><w:r><w:pict>{paragraph('box')}</w:pict><w:t>around</w:t></w:r></w:p>", "box\n\naround"),
        ("<w:p><w:r><w:t>&lt;b&gt; &#233;</w:t></w:r></w:p>", "<b> é"),
        (f"<w:tbl><w:tr><w:tc>{paragraph('a')}{paragraph('b')}</w:tc></w:tr></w:tbl>", "| a b |\n| --- |"),
        (
            f"<w:tbl><w:tr><w:tc><w:tbl><w:tr><w:tc>{paragraph('in')}</w:tc></w:tr></w:tbl></w:tc></w:tr></w:tbl>",
            "| in |\n| --- |",
        ),
    ],
)
def test_a_word_document_gives_its_final_text(body: str, text: str):
    assert read(docx(body)).text.strip() == text


def test_notes_follow_the_document():
    others = {
        "word/_rels/document.xml.rels": relations(footnotes="footnotes.xml"),
        "word/footnotes.xml": f'<w:footnotes xmlns:w="w"><w:footnote>{paragraph("a note")}</w:footnote></w:footnotes>',
    }
    assert read(docx(paragraph("text"), others)).text == "text\n\na note\n"


def test_styles_that_inherit_a_heading_are_headings():
    styles = (
        '<w:styles xmlns:w="w"><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:styleId="Mine"><w:basedOn w:val="berschrift2"/></w:style>'
        '<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style>'
        '<w:style w:styleId="B"><w:basedOn w:val="A"/></w:style></w:styles>'
    )
    others = {"word/_rels/document.xml.rels": relations(styles="styles.xml"), "word/styles.xml": styles}
    body = paragraph("Title", '<w:pStyle w:val="Mine"/>') + paragraph("plain", '<w:pStyle w:val="A"/>')
    assert read(docx(body, others)).text == "## Title\n\nplain\n"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c t="s"><v>1</v></c>', "two parts"),
        ('<c t="s"><v>99</v></c><c t="s"><v>-1</v></c><c><v>kept</v></c>', "kept"),
        ('<c t="inlineStr"><is><t>in line</t></is></c>', "in line"),
        ('<c t="str"><f>A1</f><v>result</v></c>', "result"),
        ('<c t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c s="1"><v>0.5</v></c>', "12:00:00"),
        ('<c s="1"><v>1e99</v></c>', "1e+99"),
        ("<c><v>123456789012345678</v></c>", "123456789012345678"),
        ('<c s="nonsense"><v>1.10</v></c>', "1.1"),
    ],
)
def test_a_cell_gives_its_value(cell: str, text: str):
    others = {
        "xl/sharedStrings.xml": (
            "<sst><si><t>one</t></si><si><r><t>two </t></r><rPh><t>x</t></rPh><r><t>parts</t></r></si></sst>"
        ),
        "xl/styles.xml": '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    assert read(xlsx(f"<sheetData><row>{cell}</row></sheetData>", others)).text.startswith(f"# Only\n\n| {text} |")


@pytest.mark.parametrize(
    ("code", "shown"), [("yyyy", True), ('0 "days"', False), ("[Red]0.00", False), ("[h]:mm", True)]
)
def test_a_number_format_tells_dates_from_numbers(code: str, shown: bool):
    styles = f'<styleSheet><numFmts><numFmt numFmtId="200" formatCode="{code.replace(chr(34), "&quot;")}"/></numFmts>'
    styles += '<cellXfs><xf numFmtId="200"/></cellXfs></styleSheet>'
    others = {"xl/sharedStrings.xml": "<sst/>", "xl/styles.xml": styles}
    text = read(xlsx('<sheetData><row><c s="0"><v>45292</v></c></row></sheetData>', others)).text
    assert ("2024-01-01" in text) is shown


def test_dates_may_count_from_1904():
    others = {
        "xl/sharedStrings.xml": "<sst/>",
        "xl/styles.xml": '<styleSheet><cellXfs><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    sheet = '<sheetData><row><c s="0"><v>43830</v></c></row></sheetData>'
    assert "2024-01-01" in read(xlsx(sheet, others, '<workbookPr date1904="1"/>')).text


PAGE = """<!DOCTYPE html><html><head><title>The title</title>
<style>p {}</style><script>if (a < b) "</p>";</script></head>
<body><h1>Top <em>level</em></h1><p>One
  two&nbsp;&amp; three<br>four</p><div>five</div><div>six</div>
<ul><li>a<ul><li>b</ul><li>c</ul><ol><li>x<li>y</ol>
<h2>Data</h2><table><tr><th>k<th>v<tr><td>1<td></td></tr><tr><td><p>2</p></td><td>a|b</td></tr></table>
<pre>  code
    more</pre><img src="x" alt="A picture"><noscript>no</noscript>end"""


def test_a_page_keeps_headings_lists_tables_and_code():
    document = read(PAGE)
    assert document.text.split("\n\n") == [
        "The title",
        "# Top level",
        "One two & three\nfour",
        "five\nsix",
        "- a\n  - b\n- c\n1. x\n2. y",
        "## Data",
        "| k | v |\n| --- | --- |\n| 1 |\n| 2 | a\\|b |",
        "```\n  code\n    more\n```",
        "A picture end\n",
    ]
    assert [span.label for span in document.spans] == ["Top level", "Top level > Data"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>a<p>b", "a\n\nb"),
        ("<table><tr><td><h1>Layout</h1><p>text</table>after", "# Layout\n\ntextafter"),
        ("<h1>open<p>text", "# open\n\ntext"),
        ("</ul></td></tr></h1>a", "a"),
        ("<script>never closed", None),
        ("<svg><text>drawn</text><svg></svg></svg>a", "a"),
        ("a<!-- c --><![CDATA[x]]>b", "ab"),
        ("&#0;a&#xD800;&#x1F600;&bogus;", "\ufffda\ufffd😀&bogus;"),
    ],
)
def test_broken_markup_is_read_as_far_as_it_goes(page: str, text: str | None):
    if text is None:
        with pytest.raises(ParseFailed, match="no text"):
            read(page, "a.html")
    else:
        assert read(page, "a.html").text.strip() == text


def test_markdown_stands_as_it_is_with_a_section_per_heading():
    text = "intro\n\n# One #\n\n```sh\n# no heading\n```\n\nTwo\n===\n\n### C#\ndeep\n\n- a\n---\n"
    document = read(text, "a.md")
    assert document.text == text
    assert [span.label for span in document.spans] == ["One", "Two", "Two > C#"]
    assert document.text[document.spans[1].start :].startswith("Two\n===")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (r'{"a": "caf\u00e9 \ud83d\ude00"}', '{"a": "café 😀"}'),
        (r'"\\u00e9 \u0022 \n \u000a"', r'"\\u00e9 \u0022 \n \u000a"'),
        (r'"\ud83d \udc00 \u4e2d\u6587"', '"\ufffd \ufffd 中文"'),
        (r'"\u00e9\udc00"', r'"é\udc00"'),
        ('{"a": 1e400}\n{"a": 2}\n', '{"a": 1e400}\n{"a": 2}\n'),
        ('{"broken": ', '{"broken": '),
    ],
)
def test_json_shows_its_letters(content: str, text: str):
    assert read(content, "a.json").text == text


@pytest.mark.parametrize(
    ("content", "name", "media_type", "format"),
    [
        ((SAMPLES / "two.pdf").read_bytes(), "a.txt", "text/plain", "pdf"),
        (b"junk\n" + (SAMPLES / "two.pdf").read_bytes(), "a.pdf", None, "pdf"),
        (b"A PDF begins with %PDF-1.7.", "a.txt", None, "text"),
        ((SAMPLES / "talk.pptx").read_bytes(), "a.docx", None, "pptx"),
        (b"\xef\xbb\xbf \n<!DOCTYPE HTML><p>a", "a", None, "html"),
        (b"<p>a", "a.htm", None, "html"),
        (b"<p>a", "", "text/html; charset=utf-8", "html"),
        (b"<p>a", "a.txt", "text/html", "text"),
        (b"# a", "README.MD", None, "markdown"),
        (b"a,b\n1,2\n", "a.csv", "text/csv", "text"),
        (b"def f(): pass", "a.py", None, "text"),
        (b"{}", "a.jsonl", None, "json"),
        (b"GIF89a is a format", "a.txt", None, "text"),
        (b"BMW", "a.txt", None, "text"),
    ],
)
def test_content_tells_the_format_before_the_name_does(content: bytes, name: str, media_type: str | None, format: str):
    assert read(content, name, media_type).format == format


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)


@pytest.mark.parametrize(
    ("content", "name", "code", "message"),
    [
        (b"", "a.txt", "invalid_file", "is empty"),
        (b" \n\t", "a.txt", "invalid_file", "no text"),
        (b"\xef\xbb\xbf", "a.txt", "invalid_file", "no text"),
        (b"just words", "a.pdf", "invalid_file", r"named `\.pdf` and is none"),
        (b"just words", "a.docx", "invalid_file", r"named `\.docx` and is none"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a.txt", "unsupported_file", "a PNG image"),
        (b"GIF89a" + bytes(50), "a", "unsupported_file", "a GIF image"),
        (b"\x1f\x8b\x08" + bytes(50), "a.gz", "unsupported_file", "a gzip archive"),
        (b"{\\rtf1 words}", "a.rtf", "unsupported_file", "an RTF document"),
        (bytes(range(256)), "a", "unsupported_file", "neither text nor"),
        (OLE, "a.doc", "unsupported_file", "before 2007"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "invalid_file", "encrypted"),
        (OLE + bytes(200_000) + "EncryptedPackage".encode("utf-16-le"), "a.xlsx", "invalid_file", "encrypted"),
        (zipped({"a.txt": "words"}), "a.zip", "unsupported_file", "a zip archive"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt", "unsupported_file", "OpenDocument"),
        (zipped({"a": "b"}, method=12), "a.docx", "invalid_file", "a method"),
        (docx(paragraph("")), "a.docx", "invalid_file", "no text"),
        (
            zipped({"_rels/.rels": relations(officeDocument="other/x.xml"), "other/x.xml": "<a/>"}),
            "a",
            "unsupported_file",
            "a kind",
        ),
        (
            zipped({"_rels/.rels": relations(officeDocument="word/gone.xml")}),
            "a.docx",
            "unsupported_file",
            "a zip archive",
        ),
        (xlsx("").replace(b"PK\x01\x02", b"PK\x01\x03"), "a.xlsx", "invalid_file", "broken zip"),
    ],
)
def test_a_file_that_is_not_read_says_what_and_what_to_do(content: bytes, name: str, code: str, message: str):
    with pytest.raises(ParseFailed, match=message) as failed:
        read(content, name)
    assert failed.value.code == code


@pytest.mark.parametrize(
    ("content", "limits", "message"),
    [
        ("word " * 1000, Limits(text_bytes=4999), "MiB of text"),
        ((SAMPLES / "two.pdf").read_bytes(), Limits(pages=1), "2 pages, and 1 are read"),
        ((SAMPLES / "talk.pptx").read_bytes(), Limits(pages=1), "2 slides, and 1 are read"),
        (docx(paragraph("a")), Limits(entries=1), "2 entries, and 1 are read"),
        (docx(paragraph("a")), Limits(unpacked_bytes=100), "unpacks to more than"),
        (docx(paragraph("a" * 3_000_000)), Limits(ratio=10), "10 times its size"),
        ("word " * 1000, Limits(plain_bytes=100), "larger than"),
    ],
)
def test_a_file_over_a_limit_says_which(content: bytes | str, limits: Limits, message: str):
    with pytest.raises(ParseFailed, match=message) as failed:
        read(content, limits=limits)
    assert failed.value.code == "invalid_file"


def test_more_headings_than_are_kept_are_still_text():
    document = read("# a\n" * 100, "a.md", limits=Limits(spans=10))
    assert (len(document.spans), len(document.text)) == (10, 400)


def test_a_page_of_a_pdf_may_be_empty():
    assert parts(read(pdf(page_objects(b"BT /F1 12 Tf (words) Tj ET")))) == [("page", "page 1", "words")]
