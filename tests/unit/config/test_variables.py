"""Which variables the entries of a run.yaml mention."""

from __future__ import annotations

from stack.config.variables import EntryVariables, entry_variables

TEXT = """\
providers:
  inference:
  - provider_id: ${env.KEY:+on}
    provider_type: remote::groq
    config:
      base_url: "${env.HOST:=${env.OTHER:=x}}/${env.HOST}"
      headers: {a: ["${env.A}", "$${env.NOT}"], b: 1}
      plain: text
  - {provider_id: "${env.SWITCH:+off}", provider_type: remote::xai, config: {base_url: "${oops"}}
  - {provider_id: __disabled__, provider_type: remote::openai}
"""


def test_entries_tell_their_switches_and_the_variables_of_each_setting():
    first, *off = entry_variables(TEXT, "run.yaml", {"KEY": "set"})
    settings = {"base_url": ("HOST", "OTHER"), "headers": ("A",)}
    assert first == EntryVariables("inference", "on", "remote::groq", ("KEY",), settings)
    assert [(entry.provider_id, entry.switches) for entry in off] == [("", ("SWITCH",)), ("", ())]


def test_a_file_without_providers_has_no_entries():
    assert not list(entry_variables("version: 2", "run.yaml", {}))
