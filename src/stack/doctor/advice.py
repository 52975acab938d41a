"""What a failure means for one provider, and the line that mends it: the variable to set, the package to install."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stack.config.models import ProviderInstance
from stack.config.variables import EntryVariables
from stack.doctor.findings import Check
from stack.doctor.network import Service
from stack.errors import RateLimited, StackError, Unsupported, UpstreamError, UpstreamTimeout
from stack.registry.spec import env_name

ADDRESS, CREDENTIAL = "base_url", "api_key"  # the settings of that name, where a provider has them
START = {
    "remote::llama-cpp-server": "llama-server -m MODEL.gguf",
    "remote::lm-studio": "lms server start",
    "remote::ollama": "ollama serve",
    "remote::vllm": "vllm serve MODEL",
}
CALLERS_BRING_KEYS = {"remote::passthrough"}
_ENDS_WITH_LINE = re.compile(r":? run `([^`]+)`$")  # as errors say what to do


class Advice:
    """About one provider. timeout_s: how long an answer was waited for."""

    def __init__(self, instance: ProviderInstance, variables: EntryVariables, timeout_s: float) -> None:
        self._instance = instance
        self._variables = variables
        self._timeout_s = timeout_s

    def service(self) -> Service | None:
        """Where the provider's service is, if the settings say so. Raises: ValueError for what is no plain URL."""
        url = getattr(self._instance.config, ADDRESS, None)
        start = START.get(self._instance.spec.provider_type, "")
        return Service.at(url, self.change(ADDRESS), start) if isinstance(url, str) else None

    def change(self, setting: str) -> str:
        """The line that sets a setting anew: by its variable if it has one in the file, else in the file."""
        if names := self._variables.settings.get(setting):
            return f"export {names[0]}=..."
        place = f"set `{setting}` in the config of `{self._instance.provider_id}`"
        field = type(self._instance.config).model_fields.get(setting) if self._instance.config else None
        variable = env_name(field) if field and setting == CREDENTIAL else None
        return f"{place}, for instance to `${{env.{variable}}}`" if variable else place

    def variables(self, environ: Mapping[str, str]) -> Check:
        """Which of the variables that its entry reads are set; those it cannot do without were checked at load."""
        mentioned = [*self._variables.switches, *(n for names in self._variables.settings.values() for n in names)]
        names = {
            is_set: [n for n in dict.fromkeys(mentioned) if bool(environ.get(n)) is is_set] for is_set in (True, False)
        }
        told = {"set": names[True], "not set": names[False]}
        found = "; ".join(f"{word}: {', '.join(those)}" for word, those in told.items() if those)
        return Check("variables", "ok", found or "it reads none")

    def credential(self) -> Check:
        """Of a service that gave its list of models, which some give to everybody."""
        found = "not refused" if self._has_key() else "none is set, and none was asked for"
        return Check("credential", "ok", found)

    def failed_to_list(self, error: Exception) -> Check:
        """Of a provider that gave no list of its models; a warning if it serves without."""
        if isinstance(error, TimeoutError) or (isinstance(error, UpstreamTimeout) and error.upstream.status is None):
            found = f"no answer within {self._timeout_s:g} s"
            return Check("models", "failed", found, "is the service up? give it more time: stack doctor --timeout 60")
        if lists_nothing(error):
            fix = f"is the path of `{ADDRESS}` right? most end in `/v1`: {self.change(ADDRESS)}"
            return Check("models", "warning", "it answers, but has no list of models", fix)
        if isinstance(error, UpstreamError):
            return self._failed_upstream(error)
        return failure("models", error)

    def _failed_upstream(self, error: UpstreamError) -> Check:
        status = error.upstream.status
        if status in (401, 403):
            return self._refused(status)
        if isinstance(error, RateLimited) and error.retryable:
            return Check("models", "warning", error.message, "try again later")
        if error.phase in ("dns", "connect", "tls"):  # of another address than the base URL, such as one for tokens
            return Check(error.phase, "failed", error.message, "check this machine's network and the provider's config")
        if status is not None and status >= 500:
            return Check("models", "failed", error.message, "try again later, or ask whoever runs the service")
        fix = f"is this the address of such a service? {self.change(ADDRESS)}"
        return Check("models", "failed", error.message, fix)

    def _refused(self, status: int) -> Check:
        if self._has_key():
            return Check("credential", "failed", f"refused with status {status}", self.change(CREDENTIAL))
        is_normal = self._instance.spec.provider_type in CALLERS_BRING_KEYS
        found = f"none is set, and the service wants one (status {status})"
        return Check("credential", "warning" if is_normal else "failed", found, self.change(CREDENTIAL))

    def _has_key(self) -> bool:
        return bool(getattr(self._instance.config, CREDENTIAL, None))


def lists_nothing(error: Exception) -> bool:
    """Whether a provider has said that it cannot list its models."""
    return isinstance(error, Unsupported) or (isinstance(error, UpstreamError) and error.upstream.status in (404, 405))


def failure(name: str, error: Exception) -> Check:
    """Of a provider that cannot be loaded or started; errors of ours end with the line that mends them."""
    if isinstance(error, TimeoutError):
        return Check(name, "failed", "not done in time")
    if not isinstance(error, StackError):
        return Check(name, "failed", f"{type(error).__name__}: {error}")
    line = _ENDS_WITH_LINE.search(error.message)
    return Check(name, "failed", error.message[: line.start()] if line else error.message, line[1] if line else "")
