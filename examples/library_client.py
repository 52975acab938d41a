"""The whole stack in this process: no server, no socket, the same answers.

Needs: chat: answer
"""

from __future__ import annotations

import os

from stack import StackAsLibraryClient

with StackAsLibraryClient(os.environ.get("STACK_CONFIG", "playground")) as client:
    print([model.id for model in client.models.list()])
    answer = client.chat.completions.create(
        model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
        messages=[{"role": "user", "content": "Are you there?"}],
    )
    print(answer.choices[0].message.content)
