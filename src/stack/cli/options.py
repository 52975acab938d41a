"""Arguments and options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

CONFIG = "RUN_YAML|DISTRIBUTION"
LOG_LEVELS = ("debug", "info", "warning", "error")  # as `server.log_level`, whose module is not imported for `--help`


class Assignment(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`; the value may be empty, which is the same as unset."""

    name = "assignment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.isidentifier():
            self.fail("write NAME=VALUE", param, ctx)  # not the value: it may be a key
        return name, text


def env_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--env NAME=VALUE`, repeatable."""
    return click.option(
        "--env",
        "assignments",
        multiple=True,
        type=Assignment(),
        metavar="NAME=VALUE",
        help="What ${env.NAME} stands for, instead of the environment's value; may be repeated.",
    )(command)


def environment(assignments: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """This process's environment with the `--env` assignments laid over it."""
    return {**os.environ, **dict(assignments)}
