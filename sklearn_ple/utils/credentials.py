"""Passwords and keys in URLs, which no message may repeat."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

_PASSWORD = re.compile(r"(://[^\s/:@'\"]*:)[^\s'\"]*@")
_SECRETS = "auth|credential|key|passw|pwd|secret|sig|token"
_PARAMETER = re.compile(rf"([?&;][^\s=&'\"]*(?:{_SECRETS})[^\s=&'\"]*=)[^\s&'\")]*", re.IGNORECASE)
# Kinds of errors that can be made anew from a message.
_KINDS = (ImportError, FileNotFoundError, PermissionError, OSError, TypeError, ValueError)


def mask(text: str) -> str:
    """Replace the passwords and keys of the URLs in a text by asterisks.

    Examples
    --------
    >>> from sklearn_ple.utils.credentials import mask
    >>> mask("https://me:secret@example.org/rows.csv?token=abc&year=2024")
    'https://me:***@example.org/rows.csv?token=***&year=2024'
    """
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1***@", text))


@contextmanager
def masking() -> Iterator[None]:
    """Context manager in which errors, and those that caused them, repeat no credentials."""
    try:
        yield
    except Exception as error:
        if not any(mask(text) != text for text in map(str, _trace(error))):
            raise
        kind = next((kind for kind in _KINDS if isinstance(error, kind)), RuntimeError)
        raise kind(mask(str(error))) from None


def _trace(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those before it, which Python shows too."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
