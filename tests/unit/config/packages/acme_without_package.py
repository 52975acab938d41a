"""A provider whose package is not installed."""

import acme_sdk_that_is_not_there  # noqa: F401  # type: ignore[import-not-found]
