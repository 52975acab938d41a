"""Distributions: named sets of providers, and the build.yaml, run.yaml and README.md that follow from them."""

from __future__ import annotations

from stack.distribution.lookup import (
    distribution_names,
    distributions_dir,
    get_distribution_template,
    run_config_path,
    run_config_source,
)
from stack.distribution.render import render
from stack.distribution.template import DistributionTemplate

__all__ = [
    "DistributionTemplate",
    "distribution_names",
    "distributions_dir",
    "get_distribution_template",
    "render",
    "run_config_path",
    "run_config_source",
]
