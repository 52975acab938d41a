"""Tiny wheels, and an index on loopback that serves them as PyPI does: JSON with hashes and sizes (PEP 691, 700)."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from zipfile import ZipFile, ZipInfo


def wheel(
    name: str,
    version: str = "1",
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    entry_points: str = "",
    tag: str = "py3-none-any",
) -> tuple[str, bytes]:
    """File name and content of a wheel that holds one module of its name, unless told otherwise."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    held = {f"{module}.py": f"VERSION = {version!r}\n"} if files is None else dict(files)
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    held[f"{info}/METADATA"] = "\n".join([*metadata, *(f"Requires-Dist: {each}" for each in requires), ""])
    held[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if entry_points:
        held[f"{info}/entry_points.txt"] = entry_points
    held[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*held, f"{info}/RECORD"))
    archive = io.BytesIO()
    with ZipFile(archive, "w") as written:
        for path, text in held.items():
            written.writestr(ZipInfo(path), text)
    return f"{module}-{version}-{tag}.whl", archive.getvalue()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # uv connects some fifty times at once, and a refused connection is tried again late


class WheelIndex:
    """`with WheelIndex() as index`: `index.url` answers. asked: the paths of all requests so far."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self._declared: dict[str, bytes] = {}  # what hashes and sizes are told of
        self._server = Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.authority}/simple"

    def add(self, name: str, version: str = "1", **more: Any) -> None:
        file, content = wheel(name, version, **more)
        self.files[file] = self._declared[file] = content

    def corrupt(self, name: str) -> None:
        """From now on version 1 of a package comes with another module than the one whose hash is told."""
        file, content = wheel(name, files={f"{name}.py": "evil = True\n"})
        self.files[file] = content

    def page(self, project: str) -> dict[str, Any] | None:
        found = [file for file in self._declared if re.sub(r"[-_.]+", "-", file.split("-")[0]).lower() == project]
        listed = [
            {
                "filename": file,
                "url": f"http://{self.authority}/files/{file}",
                "hashes": {"sha256": hashlib.sha256(self._declared[file]).hexdigest()},
                "size": len(self._declared[file]),
                "upload-time": "2026-01-01T00:00:00Z",
            }
            for file in found
        ]
        versions = sorted({file.split("-")[1] for file in found})
        return (
            {"meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": listed} if found else None
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                index.asked.append(self.path)
                _, kind, name = self.path.rstrip("/").rsplit("/", 2)
                if kind == "simple" and (page := index.page(name)):
                    self._answer(200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode())
                elif kind == "files" and name in index.files:
                    self._answer(200, "application/octet-stream", index.files[name])
                else:
                    self._answer(404, "text/plain", b"")

            do_HEAD = do_GET

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on stderr."""

        return Handler
