"""Fits that fail leave an estimator as it was."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

_Method = TypeVar("_Method", bound=Callable[..., Any])


def restoring(method: _Method) -> _Method:
    """Decorate a method of an estimator, whose attributes an error or Ctrl-C then resets."""

    @wraps(method)
    def call(self: object, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return cast(_Method, call)
