"""The lab: a stack whose upstreams fail on request, and whose secrets would be recognised anywhere."""

from __future__ import annotations

from pathlib import Path

LAB = Path(__file__).with_name("lab.yaml")
# Each stands for one field that holds a secret; none may ever be seen again.
CANARIES = {
    "CANARY_KEY": "canary-4f1c/key+of=the upstream",
    "CANARY_HEADER": 'canary-93ab-header-"quoted"',
}
