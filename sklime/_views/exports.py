"""Explanations as tables and as objects of shap and lime."""

from importlib import import_module
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from .._tables.table import Table
from .plots import Floats

REMAINDER = "(interactions, change inside bins)"  # what columns leave


def base_values(explained: Any) -> Floats:
    """Return what the attributions of each row are added to, (n_explained, n_outputs).

    The mean response, where it is known; for weights the intercepts of the rows' linear models.
    """
    if explained.values == "weights":
        base = explained.intercepts
    elif explained.effects:  # of the models that explain a row
        means, read_by = [effects.intercept for effects in explained.effects], explained.read_by
        base = read_by @ np.array(means) / read_by.sum(axis=1, keepdims=True)
    else:
        own = 1 - explained.bins.outside(explained.codes)[..., None]
        base = explained.intercepts + (own * explained.weights).sum(axis=1)
    return np.asarray(explained._read(base))


def noun(explained: Any) -> str:
    """What the attributions are called."""
    if explained.coefficients is not None:
        return "gain"
    return "weight" if explained.values == "weights" else "contribution"


def column_values(explained: Any) -> Floats:
    """Return the explained rows as numbers, those of levels too, NaN where missing."""
    table, values = Table(explained.data), np.empty(explained.codes.shape)
    for j, column in enumerate(explained.bins.columns):
        if column.categorical:
            codes = table.codes(j, column.levels)
            values[:, j] = np.where(codes < 0, np.nan, codes)
        else:
            values[:, j] = table.values(j)
    return values


def bin_labels(explained: Any, j: int) -> NDArray[Any] | None:
    """Return the bin of each row, (n_explained,), in a column without numbers; else None."""
    column = explained.bins.columns[j]
    if not column.categorical and column.unit != "bool":
        return None
    labels = np.array([*explained.bins.labels(j), "new level"], dtype=object)
    return labels[np.minimum(explained.codes[:, j], len(labels) - 1)]


def bin_edges(explained: Any, j: int, x: Floats) -> Floats:
    """Return edges between a column's bins, midway between values of `x`; none of levels."""
    column = explained.bins.columns[j]
    if bin_labels(explained, j) is not None or not len(column.cuts):
        return np.empty(0)
    values = np.unique([*x, *column.cuts])
    values = values[np.isfinite(values)]
    if not len(values):
        return np.empty(0)
    cuts = column.cuts.clip(values[0], values[-1])  # infinity is drawn at the ends
    above = np.minimum(np.searchsorted(values, cuts, "right"), len(values) - 1)
    edges = cuts / 2 + values[above] / 2  # a value at a cut is in the bin below it
    return np.concatenate([values[:1], edges, values[-1:]])


def row_names(explained: Any) -> NDArray[Any]:
    """Return the index labels of the explained rows, or where there are none their positions."""
    index = getattr(explained.data, "index", None)
    return explained.sample_indices if index is None else np.asarray(index)


class Exports:
    """Explanations as a table, and as objects of shap and lime."""

    def to_frame(self: Any) -> Any:
        """The weights, contributions or gains as a tidy table, named for what they are.

        Returns
        -------
        frame : dataframe
            A line for each row, column and output, of the library of the rows explained; pandas
            for arrays. Values of a table of several types are objects in pandas, text elsewhere.
        """
        attributions, outputs = self.attributions, np.array(self._outputs)
        n, d, n_outputs = attributions.shape
        backend = dataframe_library(self.data)
        values = _cells(self.data)
        if values.dtype == object and not backend.is_pandas_like():
            values = np.vectorize(lambda v: None if v is None else str(v), [object])(values)
        classes = self.classes is not None and self.coefficients is None
        columns = {
            "row": np.repeat(row_names(self), d * n_outputs),
            "column": np.tile(np.repeat(self.feature_names, n_outputs), n),
            "class" if classes else "output": np.tile(outputs, n * d),
            "value": np.repeat(values.ravel(), n_outputs),
            noun(self): attributions.ravel(),
        }
        return nw.from_dict(columns, backend=backend).to_native()

    def to_shap(self: Any, *, label: Any = None, remainder: bool = True) -> Any:
        """The weights, contributions or gains as a `shap.Explanation`, which shap's plots take.

        `data` are numbers: a category is the number of its level, and `display_data` has its name.

        Parameters
        ----------
        label : class value or output, default=None
            One output. None is the second class of a binary classifier, else all outputs.
        remainder : bool, default=True
            Add what the columns leave of the model's own prediction as a last column, so that base
            value and values add up to it.

        Returns
        -------
        explanation : shap.Explanation
            Values, base values, data and names.
        """
        shap: Any = _imported("shap", "to_shap")
        names = [str(name) for name in self._outputs]
        two_classes = self.classes is not None and len(names) == 2
        one = label is not None or two_classes or len(names) == 1
        k = self._output(label) if one else slice(None)
        values, base = self.attributions[:, :, k], base_values(self)[:, k]
        data, shown = column_values(self), _cells(self.data)
        columns = list(self.feature_names)
        if remainder:
            left = self._read(self.predictions)[:, k] - base - values.sum(axis=1)
            values = np.concatenate([values, left[:, None]], axis=1)
            data = np.column_stack([data, np.full(len(data), np.nan)])
            shown = np.column_stack([shown.astype(object), np.full(len(data), "")])
            columns.append(REMAINDER)
        return shap.Explanation(
            values=values,
            base_values=base,
            data=data,
            display_data=shown,
            feature_names=columns,
            output_names=None if one else names,
        )

    def to_lime(self: Any, i: int, *, label: Any = None) -> Any:
        """The weights of one row as a `lime.explanation.Explanation`; a score has none.

        By decreasing absolute weight, with lime's notation of bins ("3.1 < x0 <= 4.2"). Classes
        are numbered in the order of `output_names`; `score` and `local_pred` are dicts by number.

        Parameters
        ----------
        i : int
            Position among the rows explained.
        label : class value or output, default=None
            One output; a regressor with several needs it. None is every class.

        Returns
        -------
        explanation : lime.explanation.Explanation
            With lime's as_list, as_html and as_pyplot_figure.
        """
        if self.coefficients is not None:
            raise ValueError(f"lime explains a response, not a score. Got {self.response!r}.")
        lime = _imported("lime.explanation", "to_lime")
        tables = _imported("lime.lime_tabular", "to_lime")
        i = range(len(self.codes))[i]
        classifier = self.classes is not None
        outputs = range(len(self._outputs)) if classifier else [self._output(label)]
        texts = row_texts(self, i)
        mapper = tables.TableDomainMapper(
            list(self.feature_names),
            texts,
            np.ones(len(texts)),
            categorical_features=range(len(texts)),
            discretized_feature_names=_bin_texts(self, i, texts),
        )
        names = [str(name) for name in self.output_names]
        mode = "classification" if classifier else "regression"
        result = lime.Explanation(mapper, mode=mode, class_names=names)
        if classifier:
            result.predict_proba = self.predictions[i]
        else:
            responses = self.predictions[:, outputs[0]]
            result.predicted_value = responses[i]
            result.min_value, result.max_value = responses.min(), responses.max()
        weights, result.score, result.local_pred = self.weights[i], {}, {}
        # lime files a regression under 1, and its negative under 0.
        for key, k in zip(outputs if classifier else [1], outputs, strict=True):
            order = np.argsort(-np.abs(weights[:, k]), kind="stable")
            result.intercept[key] = float(self.intercepts[i, k])
            result.score[key] = float(self.scores[i, k])
            result.local_exp[key] = [(int(j), float(weights[j, k])) for j in order if weights[j, k]]
            result.local_pred[key] = result.intercept[key] + float(weights[:, k].sum())
        if not classifier:
            result.intercept[0] = result.intercept[1]
            result.local_exp[0] = [(j, -weight) for j, weight in result.local_exp[1]]
        return result


def dataframe_library(data: Any) -> Any:
    """narwhals' name of the library that `data` is of; pandas if it is no dataframe."""
    if nw.dependencies.is_into_dataframe(data):
        return nw.from_native(data, eager_only=True).implementation
    _imported("pandas", "to_frame")
    return nw.Implementation.PANDAS


def _cells(data: Any) -> NDArray[Any]:
    """The explained rows as one array: of numbers if there is nothing else in it, else objects."""
    table = Table(data)
    if table.kind in ("sparse", "array"):
        return np.asarray(data.toarray() if table.kind == "sparse" else data)
    frame = nw.from_native(data, eager_only=True)
    if all(dtype.is_numeric() or dtype == nw.Boolean for dtype in frame.schema.values()):
        return np.column_stack([table.values(j) for j in range(table.n_columns)])
    cells = np.empty((table.n_rows, table.n_columns), dtype=object)
    for j, column in enumerate(frame.iter_columns()):
        cells[:, j] = column.to_list()
        cells[column.is_null().to_numpy(), j] = None
    return cells


def _imported(module: str, caller: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ImportError(
            f"{caller} requires {name}. You can install {name} with `pip install {name}`"
        ) from error


def row_texts(explained: Any, i: int) -> list[str]:
    """Return the cells of one row as texts."""
    return [_text(value) for value in _cells(Table(explained.data).take(np.array([i])))[0]]


def _text(value: Any) -> str:
    if value is None or value != value:
        return "missing"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return str(value).removesuffix(" 00:00:00")  # a date without a time


def _bin_texts(explained: Any, i: int, values: list[str]) -> list[str]:
    """The bin of each cell of a row as lime writes it: "3.1 < x0 <= 4.2", or "color=red"."""
    bins, texts = explained.bins, []
    for j, name in enumerate(explained.feature_names):
        labels, code = bins.labels(j), explained.codes[i, j]
        label = labels[code] if code < len(labels) else values[j]
        interval = "x" in label.split() and not bins.columns[j].categorical
        texts.append(label.replace("x", name) if interval else f"{name}={label}")
    return texts
