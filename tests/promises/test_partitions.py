"""Partitions are explained with the bits that one call gives, wherever they are."""

import dask.dataframe as dd
import pandas as pd
import pytest
from partitions import explained, table_and_wrapper


@pytest.fixture(scope="module")
def fitted():
    return table_and_wrapper()


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_partitions_of_a_dask_frame_are_explained_like_one_table(fitted, scheduler):
    X, wrapper = fitted
    frame = dd.from_pandas(X, npartitions=3)
    meta = dict.fromkeys(X.columns, float)
    found = frame.map_partitions(explained, wrapper, meta=meta).compute(scheduler=scheduler)
    pd.testing.assert_frame_equal(found, explained(X, wrapper), check_exact=True)
