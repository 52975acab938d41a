"""The part that needs the package."""

import a_package_that_nobody_has  # noqa: F401  # type: ignore[import-not-found]
