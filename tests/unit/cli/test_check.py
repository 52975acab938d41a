"""`stack check`: the problems of a file, or what it comes to."""

from __future__ import annotations

SWITCHED = """\
providers:
  inference:
  - {provider_id: "${env.GROQ_API_KEY:+groq}", provider_type: remote::groq, config: {api_key: "${env.GROQ_API_KEY}"}}
  - {provider_id: gone, provider_type: remote::gone, module: no_such_package}
"""


def states(output: str) -> dict[str, str]:
    """The state of each provider type."""
    return {line.split()[2]: " ".join(line.split()[3:]) for line in output.splitlines()[1:-1]}


def test_a_provider_that_is_off_tells_what_switches_it_on(stack, tmp_path):
    (tmp_path / "run.yaml").write_text(SWITCHED)
    ended = stack("check", "run.yaml")
    assert ended.exit_code == 1
    assert states(ended.stdout)["remote::groq"] == "off: set GROQ_API_KEY"
    assert ended.stdout.endswith(
        "run.yaml: some providers cannot start; providers: 0 on, 1 failed, 1 off; models registered: 0\n"
    )


def test_env_switches_a_provider_on(stack, tmp_path):
    (tmp_path / "run.yaml").write_text(SWITCHED)
    assert states(stack("check", "run.yaml", "--env", "GROQ_API_KEY=k").stdout)["remote::groq"] == "on"


def test_a_missing_package_is_told_with_its_install_line(stack, tmp_path):
    (tmp_path / "run.yaml").write_text(SWITCHED)
    state = states(stack("check", "run.yaml").stdout)["remote::gone"]
    assert state.startswith("failed: ")
    assert state.endswith("run `pip install no_such_package`")


def test_a_distribution_is_checked_by_its_name(stack):
    ended = stack("check", "starter")
    assert ended.exit_code == 0
    assert states(ended.stdout)["inline::playground"] == "on"


def test_every_problem_is_printed(stack, tmp_path):
    (tmp_path / "run.yaml").write_text(SWITCHED + "server: {prot: 1, host: [], workers: none}\n")
    ended = stack("check", "run.yaml")
    assert ended.exit_code == 2
    assert len(ended.stderr.splitlines()) == 3
    assert "Traceback" not in ended.output


def test_a_build_yaml_beside_it_must_name_the_same_providers(stack, run_yaml):
    path = run_yaml()
    beside = path.with_name("build.yaml")
    beside.write_text("distribution_spec: {providers: {inference: [{provider_type: inline::playground}]}}\n")
    assert stack("check", "run.yaml").exit_code == 0
    beside.write_text("distribution_spec: {providers: {inference: [{provider_type: remote::groq}]}}\n")
    ended = stack("check", "run.yaml")
    assert ended.exit_code == 1
    assert "build.yaml:1:61: providers.inference: `remote::groq` is here and not in `run.yaml`" in ended.stdout
    assert "`inline::playground` is here and not in `build.yaml`" in ended.stdout
    assert "run.yaml: it differs from build.yaml; providers: 1 on" in ended.stdout


def test_the_environment_that_was_built_for_a_file_is_named_where_packages_are_missing(stack, run_yaml):
    path = run_yaml(type="remote::gone", module="no_such_package")
    assert "built" not in stack("check", "run.yaml").stderr
    program = path.with_name("venv") / "bin/stack"
    program.parent.mkdir(parents=True)
    program.touch()
    assert stack("check", "run.yaml").stderr.endswith("another one: say `venv/bin/stack check run.yaml`\n")
    run_yaml()
    assert stack("check", "run.yaml").stderr == ""


def test_a_server_that_others_reach_without_a_key_is_told_before_it_is_started(stack, run_yaml):
    path = run_yaml()
    path.write_text(path.read_text().replace("{port: 8321}", "{host: 0.0.0.0}"))
    ended = stack("check", "run.yaml")
    assert ended.stderr.startswith(
        "`stack run` will not serve it so: `0.0.0.0` can be reached by others and no API key"
    )
    assert ended.exit_code == 0
