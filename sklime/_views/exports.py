"""Explanations as tables, as objects of shap and lime, and as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from .._tables.table import Table

if TYPE_CHECKING:
    from .._explanations import Explanations


def column_values(explanations: Explanations) -> NDArray[np.float64]:
    """Return the explained rows as numbers, (n_explained, n_features), NaN where missing.

    A category is the number of its level; one that training did not have comes last.
    """
    table = Table(explanations.data)
    columns = []
    for j, levels in enumerate(explanations.bins.levels):
        if levels is None:
            columns.append(table.values(j))
        else:
            codes = table.codes(j, levels)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns)


def to_frame(explanations: Explanations) -> Any:
    """Return the weights as a tidy dataframe: one line for each row, column and output.

    Parameters
    ----------
    explanations : Explanations
        The explained rows.

    Returns
    -------
    frame : dataframe
        Of the library of the explained table (pandas, polars, pyarrow and others); pandas where
        that was no dataframe. Its columns are "row" (position in the table given), "column",
        "class" (for a classifier, else "output"), "value" and "weight". The values of a table of
        numbers are numbers; of a mixed one they are objects in pandas, text elsewhere.

    Raises
    ------
    ImportError
        If the explained table was no dataframe and pandas is not installed.
    """
    n, d, n_outputs = explanations.weights.shape
    backend: Any = nw.Implementation.PANDAS
    if nw.dependencies.is_into_dataframe(explanations.data):
        backend = nw.from_native(explanations.data, eager_only=True).implementation
    values = _cells(explanations.data)
    if values.dtype == object and not backend.is_pandas_like():
        values = np.array([[None if v is None else str(v) for v in row] for row in values], object)
    columns = {
        "row": np.repeat(explanations.sample_indices, d * n_outputs),
        "column": np.tile(np.repeat(explanations.feature_names, n_outputs), n),
        "output" if explanations.classes is None else "class": np.tile(
            explanations.output_names, n * d
        ),
        "value": np.repeat(values.ravel(), n_outputs),
        "weight": explanations.weights.ravel(),
    }
    try:
        return nw.from_dict(columns, backend=backend).to_native()
    except ImportError as error:
        raise ImportError(
            "to_frame requires pandas where the explained rows are no dataframe. You can install "
            "pandas with `pip install pandas`"
        ) from error


def _cells(data: Any) -> NDArray[Any]:
    """The explained rows as one array: of numbers if there is nothing else in it, else objects."""
    table = Table(data)
    if table.kind == "sparse":
        return np.asarray(data.toarray())
    if table.kind == "array":
        return np.asarray(data)
    frame = nw.from_native(data, eager_only=True)
    if all(dtype.is_numeric() or dtype == nw.Boolean for dtype in frame.schema.values()):
        return np.column_stack([table.values(j) for j in range(table.n_columns)])
    cells = np.empty((table.n_rows, table.n_columns), dtype=object)
    for j, column in enumerate(frame.iter_columns()):
        cells[:, j] = column.to_list()
        cells[column.is_null().to_numpy(), j] = None
    return cells


def to_shap(explanations: Explanations, *, label: Any = None) -> Any:
    """Return the weights as a :class:`shap.Explanation`, for shap's plots.

    Parameters
    ----------
    explanations : Explanations
        The explained rows.
    label : object, default=None
        The class or output wanted. None is the positive class of two (the weights of the other
        are its mirror), the only output, or all of more.

    Returns
    -------
    explanation : shap.Explanation
        `values` are the weights, (n_explained, n_features), with a third axis for the outputs
        where there are several; pick one with ``explanation[..., k]`` for the plots that take
        one. `base_values` are the intercepts, so that they and the values of a row add up to
        lime's prediction for the row (that of the linear surrogate, not of the model). `data`
        are numbers: a category is the number of its level, `display_data` has its name.

    Raises
    ------
    ImportError
        If shap is not installed.
    ValueError
        If `label` is no class or output.
    """
    try:
        import shap
    except ImportError as error:
        raise ImportError(
            "to_shap requires shap. You can install shap with `pip install shap`"
        ) from error
    names = [str(name) for name in explanations.output_names]
    weights, intercepts = explanations.weights, explanations.intercepts
    outputs = _outputs(explanations, label)
    if len(outputs) == 1:
        weights, intercepts = weights[:, :, outputs[0]], intercepts[:, outputs[0]]
    return shap.Explanation(
        values=weights,
        base_values=intercepts,
        data=column_values(explanations),
        display_data=_cells(explanations.data),
        feature_names=list(explanations.feature_names),
        output_names=names if len(outputs) > 1 else None,
    )


def _outputs(explanations: Explanations, label: Any) -> list[int]:
    """Positions of the outputs meant by a label; without one, what there is to know."""
    names = explanations.output_names.tolist()
    if label is not None:
        if label not in names:
            raise ValueError(f"label must be one of {names}. Got {label!r}.")
        return [names.index(label)]
    if explanations.classes is not None and len(names) == 2:
        return [1]
    return list(range(len(names)))


def to_lime(explanations: Explanations, i: int, *, label: Any = None) -> Any:
    """Return the explanation of one row as lime's own object.

    Parameters
    ----------
    explanations : Explanations
        The explained rows.
    i : int
        Number of the row among the explained ones.
    label : object, default=None
        Name of the output wanted of a regressor with several, for lime knows but one. Of a
        classifier all classes are there; lime numbers them in the order of `output_names`.

    Returns
    -------
    explanation : lime.explanation.Explanation
        Columns by decreasing absolute weight, with lime's notation of the row's bins, such as
        "3.1 < x0 <= 4.2". `score` and `local_pred` are dicts by label, for they differ.

    Raises
    ------
    ImportError
        If lime is not installed.
    IndexError
        If there is no row `i`.
    ValueError
        If a regressor has several outputs and no `label`, or `label` is none of them.
    """
    try:
        from lime.explanation import Explanation
        from lime.lime_tabular import TableDomainMapper
    except ImportError as error:
        raise ImportError(
            "to_lime requires lime. You can install lime with `pip install lime`"
        ) from error
    i = range(len(explanations.weights))[i]
    outputs = _outputs(explanations, label)
    names = [str(name) for name in explanations.output_names]
    classifier = explanations.classes is not None
    if not classifier and len(outputs) > 1:
        known = explanations.output_names.tolist()
        raise ValueError(f"lime explains one output: pass label=, one of {known}.")
    texts = [_text(value) for value in _cells(Table(explanations.data).take(np.array([i])))[0]]
    mapper = TableDomainMapper(
        list(explanations.feature_names),
        texts,
        np.ones(len(texts)),
        categorical_features=range(len(texts)),
        discretized_feature_names=_bin_texts(explanations, i, texts),
    )
    mode = "classification" if classifier else "regression"
    result = Explanation(mapper, mode=mode, class_names=names)
    if classifier:
        result.predict_proba = explanations.predictions[i]
        outputs = list(range(len(names)))
    else:
        predictions = explanations.predictions[:, outputs[0]]
        result.predicted_value = predictions[i]
        result.min_value, result.max_value = predictions.min(), predictions.max()
    # lime files a regression under 1, and its negative under 0.
    keys = outputs if classifier else [1]
    result.intercept = dict(zip(keys, explanations.intercepts[i, outputs].tolist(), strict=True))
    result.score = dict(zip(keys, explanations.scores[i, outputs].tolist(), strict=True))
    weights = explanations.weights[i, :, outputs]
    result.local_exp = {key: _ranked(row) for key, row in zip(keys, weights, strict=True)}
    result.local_pred = {
        key: result.intercept[key] + float(row.sum())
        for key, row in zip(keys, weights, strict=True)
    }
    if not classifier:
        result.intercept[0] = result.intercept[1]
        result.local_exp[0] = [(j, -weight) for j, weight in result.local_exp[1]]
    return result


def _ranked(weights: NDArray[np.float64]) -> list[tuple[int, float]]:
    """Column numbers and weights by decreasing size, without those of weight 0."""
    order = np.argsort(-np.abs(weights), kind="stable")
    return [(int(j), float(weights[j])) for j in order if weights[j] != 0]


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)


def _bin_texts(explanations: Explanations, i: int, values: list[str]) -> list[str]:
    """The bin of each cell of a row as lime writes it: "3.1 < x0 <= 4.2", or "color=red"."""
    bins = explanations.bins
    texts = []
    for j, name in enumerate(explanations.feature_names):
        labels, code = bins.labels(j), explanations.codes[i, j]
        label = labels[code] if code < len(labels) else values[j]
        interval = "x" in label.split() and bins.levels[j] is None
        texts.append(label.replace("x", name) if interval else f"{name}={label}")
    return texts


_STYLE = """<style>
.sklime-explanations {font-size: 13px; line-height: 1.4; max-width: 640px}
.sklime-explanations p {margin: 4px 0}
.sklime-explanations table {border-collapse: collapse; table-layout: auto; width: 100%;
  margin: 6px 0; color: inherit; font-size: inherit}
.sklime-explanations tr, .sklime-explanations td {background: none; border: 0}
.sklime-explanations td {padding: 1px 8px 1px 0; white-space: nowrap; width: 1%}
.sklime-explanations td.name {text-align: left; max-width: 260px; overflow: hidden;
  text-overflow: ellipsis}
.sklime-explanations td.number {text-align: right; font-variant-numeric: tabular-nums}
.sklime-explanations td.track {width: auto}
.sklime-explanations .bar {background: #0072B2; height: 11px; min-width: 1px}
.sklime-explanations .quiet {opacity: 0.75}
</style>"""


def html(explanations: Explanations, *, max_features: int = 15) -> str:
    """Return a compact table of importances, with what is needed to judge them.

    Colours are those of the page it is shown in, bright or dark. Every name is escaped.

    Parameters
    ----------
    explanations : Explanations
        The explained rows.
    max_features : int, default=15
        Number of columns in the table; the others are counted below it.

    Returns
    -------
    html : str
        A fragment of HTML.
    """
    importances = explanations.importances()
    sem = explanations.standard_error()
    order = np.argsort(-importances, kind="stable")
    shown, rest = order[:max_features], order[max_features:]
    largest = importances.max() or 1
    lines = [
        _line(explanations.feature_names[j], importances[j], sem[j], importances[j] / largest)
        for j in shown
    ]
    more = f"and {len(rest)} more, up to {importances[rest].max():.2g}" if len(rest) else ""
    return "\n".join(
        [
            '<div class="sklime-explanations">',
            _STYLE,
            f"<p><b>LIME explanations</b> of {_counts(explanations)}</p>",
            "<table>",
            *lines,
            "</table>",
            *([f'<p class="quiet">{more}</p>'] if more else []),
            f'<p class="quiet">{_quality(explanations)}</p>',
            "</div>",
        ]
    )


def _line(name: str, importance: float, sem: float, share: float) -> str:
    text = escape(str(name))
    error = "" if np.isnan(sem) else f"± {sem:.1g}"
    return (
        f'<tr><td class="name" title="{text}">{text}</td>'
        f'<td class="number">{importance:.3g}</td>'
        f'<td class="number quiet">{error}</td>'
        f'<td class="track"><div class="bar" style="width: {100 * share:.1f}%"></div></td></tr>'
    )


def _counts(explanations: Explanations) -> str:
    n, d, n_outputs = explanations.weights.shape
    outputs = "classes" if explanations.classes is not None else "outputs"
    text = f"{n} rows, {d} columns"
    return text if n_outputs == 1 else f"{text}, {n_outputs} {outputs}"


def _quality(explanations: Explanations) -> str:
    """How well the linear surrogates fit, and how they were made."""
    scores = explanations.scores[~np.isnan(explanations.scores)]
    if scores.size:
        low, middle, high = np.percentile(scores, [25, 50, 75])
        fit = f"R² of the rows: median {middle:.2f}, half of them {low:.2f} to {high:.2f}"
    else:
        fit = "R² of the rows: none, for the predictions are constant"
    made = f"engine {explanations.engine} · {explanations.num_samples} perturbed rows"
    width = f"kernel width {explanations.kernel_width:.3g}"
    return escape(" · ".join([fit, *_variance(explanations), made, width]))


def _variance(explanations: Explanations) -> list[str]:
    """What the model's variance is made of, where the engine knows it."""
    if not explanations.effects:
        return []
    shares = {name: share.mean() for name, share in explanations.variance_shares.items()}
    if np.isnan(shares["main"]):  # an output does not vary
        return []
    texts = {"main": "main effects", "pairs": "pairs", "higher": "higher orders"}
    parts = [f"{text} {shares[name]:.0%}" for name, text in texts.items()]
    return [f"variance: {', '.join(parts)}, inside bins {shares['within']:.0%}"]
