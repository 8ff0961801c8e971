"""scikit-learn's callbacks, which it has from version 1.9 on."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

from sklearn.frozen import FrozenEstimator

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""


__all__ = ["CallbackSupportMixin", "Task"]


class Task(NamedTuple):
    """A task of a fit, whose begin and end callbacks hear; nothing where there are none."""

    owner: Any = None
    context: Any = None

    @classmethod
    def of_fit(cls, owner: Any, n_parts: int) -> "Task":
        """The whole fit of an estimator."""
        if not hasattr(owner, "_skl_callbacks"):
            return cls()
        return cls(owner, owner._init_callback_context(max_subtasks=n_parts))

    def part(self, name: str, **options: Any) -> "Task":
        """A part of the task."""
        if self.context is None:
            return self
        return Task(self.owner, self.context.subcontext(name, **options))

    @contextmanager
    def run(self, X: Any, y: Any, inner: Any = None) -> Iterator[None]:
        """Tell of begin and end; an inner estimator fitted in between tells of its own tasks."""
        if self.context is None:
            yield
            return
        fitted = inner is not None and not isinstance(inner, FrozenEstimator)
        with self.context.propagate_callback_context(inner) if fitted else nullcontext():
            self.context.call_on_fit_task_begin(estimator=self.owner, X=X, y=y)
            yield
            self.context.call_on_fit_task_end(estimator=self.owner, X=X, y=y)
