"""The process that reads one file: `python -m stack.services.parsing.child`.

The job comes as JSON on stdin. The answer on stdout is a line of JSON: `{"format", "spans"}` with the
text after it in UTF-8, or `{"code", "message"}`.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from stack.errors import ParseFailed
from stack.services.parsing.confinement import confine
from stack.services.parsing.document import ParsedDocument
from stack.services.parsing.limits import MIB, Limits
from stack.services.parsing.reading import read_document


def main() -> None:
    """Read the file that stdin names, and answer."""
    job = json.loads(sys.stdin.buffer.read())
    limits = Limits(**job["limits"])
    logging.disable()  # nobody reads what a library says of a hostile file
    confine(limits)
    try:
        with Path(job["path"]).open("rb") as file:
            document = read_document(file, job["name"], job["media_type"], limits)
    except ParseFailed as error:
        _answer({"code": error.code, "message": error.message})
    except MemoryError:
        size = limits.memory_bytes // MIB
        _answer({"code": "invalid_file", "message": f"the file takes more than {size} MiB of memory to read: split it"})
    except OSError as error:
        if error.filename == job["path"]:
            raise  # the file itself is gone: no fault of what is in it
        _answer(_broken(error))
    except Exception as error:  # parsers raise whatever they stumble over
        _answer(_broken(error))
    else:
        _answer(_described(document), document.text)


def _broken(error: Exception) -> dict[str, str]:
    reason = "the file is broken, or made to break programs: open it and save it again"
    return {"code": "invalid_file", "message": reason, "reason": type(error).__name__}


def _described(document: ParsedDocument) -> dict[str, Any]:
    spans = [(span.start, span.end, span.kind, span.label) for span in document.spans]
    return {"format": document.format, "spans": spans}


def _answer(head: dict[str, Any], text: str = "") -> None:
    sys.stdout.buffer.write(json.dumps(head, ensure_ascii=False).encode() + b"\n")
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
