"""`stack config`: one setting in words, all of them in a table."""

from __future__ import annotations


def test_one_setting_is_told_in_words(stack, run_yaml):
    run_yaml(port='"${env.PORT:=8400}"')
    ended = stack("config", "explain", "run.yaml", "server.port", "--env", "PORT=9000")
    assert ended.stdout.splitlines() == [
        "server.port",
        "  value    9000",
        "  origin   `--env PORT` (run.yaml:4:16)",
        "  meaning  TCP port.",
        "  takes    an integer from 1 to 65535",
    ]


def test_an_entry_is_told_by_both_of_its_names(stack, run_yaml):
    run_yaml()
    said = stack("config", "explain", "run.yaml", "providers.inference.here.provider_type").stdout
    assert said.startswith("providers.inference[0].provider_type\n  also     providers.inference.here.provider_type\n")


def test_without_a_key_every_setting_is_listed(stack):
    lines = stack("config", "explain", "starter").stdout.splitlines()
    assert lines[0].split() == ["KEY", "VALUE", "ORIGIN", "MEANING"]
    assert any(line.startswith("server.shutdown_grace_s") and "30.0" in line for line in lines)


def test_a_typo_ends_with_the_nearest_key(stack):
    ended = stack("config", "explain", "starter", "server.prot")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("there is no setting `server.prot` here: did you mean `server.port`")
