"""One file with thirty faults gives thirty messages, each where its fault stands."""

from pathlib import Path

import pytest

from stack.config.load import parse_run_config
from stack.errors import BadConfig

HERE = Path(__file__).parent


def test_thirty_faults_give_thirty_located_messages():
    text = (HERE / "thirty_faults.yaml").read_text()
    with pytest.raises(BadConfig) as caught:
        parse_run_config(text, "thirty_faults.yaml", {})
    assert len(caught.value.problems) == 30
    assert f"{caught.value}\n" == (HERE / "thirty_faults.golden.txt").read_text()
