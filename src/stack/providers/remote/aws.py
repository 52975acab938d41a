"""Credentials and signatures of AWS, by botocore: its chain finds what a machine has, and renews it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import SecretStr, model_validator

from stack.errors import ProviderUnavailable
from stack.providers.remote.upstream import UpstreamRequest
from stack.registry.spec import ProviderConfig, env

if TYPE_CHECKING:
    from botocore.credentials import Credentials


Keys = tuple[str, str, str | None]


class AwsConfig(ProviderConfig):
    """Credentials, for the settings of a provider that calls AWS."""

    access_key_id: str | None = env(
        "AWS_ACCESS_KEY_ID", None, "Id of a key; without one, what AWS's own tools would find on this machine."
    )
    secret_access_key: SecretStr | None = env("AWS_SECRET_ACCESS_KEY", None, "Secret of that key.")
    session_token: SecretStr | None = env("AWS_SESSION_TOKEN", None, "Session of a key that is only lent.")

    @model_validator(mode="after")
    def _key_is_whole(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("`access_key_id` and `secret_access_key` go together: set both, or neither")
        return self

    @property
    def keys(self) -> Keys | None:
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        token = self.session_token.get_secret_value() if self.session_token else None
        return self.access_key_id, self.secret_access_key.get_secret_value(), token


class Signer:
    """service: as signatures name it, `s3`. keys: access key id, secret access key, session token; None: what
    botocore's chain finds (variables, files, the roles of a container, a web identity or an instance). It all blocks.
    """

    def __init__(self, provider_id: str, service: str, region: str, keys: Keys | None) -> None:
        self._provider_id = provider_id
        self._service = service
        self._region = region
        self._keys = keys
        self._found: Credentials | None = None

    def sign(self, request: UpstreamRequest) -> str:
        """Put a signature over all of a request on it; the id of the key. Raises: ProviderUnavailable."""
        from botocore.auth import S3SigV4Auth, SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        try:
            credentials = self._credentials().get_frozen_credentials()
        except BotoCoreError as error:
            raise self._missing(f": {type(error).__name__}") from error
        signed = AWSRequest(request.method, request.url, dict(request.headers), request.body)
        kind = S3SigV4Auth if self._service == "s3" else SigV4Auth  # which writes paths in another way
        kind(credentials, self._service, self._region).add_auth(signed)
        request.headers = {name.lower(): value for name, value in signed.headers.items()}
        return str(credentials.access_key)

    def _credentials(self) -> Credentials:
        if self._found is None:
            from botocore.credentials import Credentials
            from botocore.session import Session

            self._found = Credentials(*self._keys) if self._keys else Session().get_credentials()
        if self._found is None:
            raise self._missing("")
        return self._found

    def _missing(self, why: str) -> ProviderUnavailable:
        message = f"provider `{self._provider_id}` finds no AWS credentials{why}: set `access_key_id` and its secret"
        return ProviderUnavailable(message)
