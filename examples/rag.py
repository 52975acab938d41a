"""Answer from documents of yours: upload a file, search it, and ask with what was found.

The stack's own vector stores do the work: any embedding model of the stack serves them.

Needs: chat: answer
"""

from __future__ import annotations

import os

from openai import OpenAI

RULES = b"""# Returns

Goods can be returned within thirty days, with the receipt.

# Opening hours

The shop opens at nine and closes at six.
"""
QUESTION = "Within how many days can I return something?"

client = OpenAI(base_url=os.environ.get("STACK_URL", "http://127.0.0.1:8321/v1"), api_key="none")
file = client.files.create(file=("rules.md", RULES), purpose="assistants")
store = client.vector_stores.create(name="shop")
added = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
print(f"{added.status}: rules.md")

found = client.vector_stores.search(store.id, query=QUESTION, max_num_results=2).data
context = "\n".join(part.text for result in found for part in result.content)
answer = client.chat.completions.create(
    model=os.environ.get("STACK_MODEL", "playground/not-an-llm"),
    messages=[
        {"role": "system", "content": f"Answer from this alone:\n{context}"},
        {"role": "user", "content": QUESTION},
    ],
)
print(answer.choices[0].message.content)
client.vector_stores.delete(store.id)
client.files.delete(file.id)
