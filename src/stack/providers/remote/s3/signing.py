"""Credentials and signatures of AWS, by botocore: its chain finds what a machine has, and renews it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.errors import ProviderUnavailable
from stack.providers.remote.upstream import UpstreamRequest

if TYPE_CHECKING:
    from botocore.credentials import Credentials


class Signer:
    """keys: access key id, secret access key, session token; None: what botocore's chain finds (variables, files, the
    roles of a container, a web identity or an instance). All of it blocks.
    """

    def __init__(self, provider_id: str, region: str, keys: tuple[str, str, str | None] | None) -> None:
        self._provider_id = provider_id
        self._region = region
        self._keys = keys
        self._found: Credentials | None = None

    def sign(self, request: UpstreamRequest) -> str:
        """Put a signature over all of a request on it; the id of the key. Raises: ProviderUnavailable."""
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError

        try:
            credentials = self._credentials().get_frozen_credentials()
        except BotoCoreError as error:
            raise self._missing(f": {type(error).__name__}") from error
        signed = AWSRequest(request.method, request.url, dict(request.headers), request.body)
        S3SigV4Auth(credentials, "s3", self._region).add_auth(signed)
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
