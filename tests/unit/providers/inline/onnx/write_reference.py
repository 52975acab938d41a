"""Write reference.json: what sentence-transformers makes of some texts. By hand, with the model's folder:

    pip install sentence-transformers && python write_reference.py FOLDER

The committed numbers are of sentence-transformers 6.2.0, transformers 5.23.0 and torch 2.13.0 on a CPU.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

TEXTS = [
    "The cat sat on the mat.",
    "A cat was sitting on a rug.",
    "Quarterly revenue grew by 14% in Asia.",
    "",
    "?!",
    "naïve café, Straße — ŒUVRE",
    "東京の人口は約1400万人です。",
    "Привет, мир! 🙂",
    "def add(a, b):\n    return a + b",
    "x" * 150,
    "one " * 254,
    "one " * 255,
    "The archive holds four centuries of letters, ledgers and maps of the harbour. " * 20,
]


def main(folder: str) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    rows = [
        {
            "text": text,
            "tokens": len(model.tokenizer(text, verbose=False)["input_ids"]),
            "vector": base64.b64encode(model.encode(text).astype("<f4").tobytes()).decode(),
        }
        for text in TEXTS
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(__file__).with_name("reference.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
