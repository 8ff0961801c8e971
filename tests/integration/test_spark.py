"""Spark explains partitions with the bits that one machine gives."""

import os
import sys

import numpy as np
import pandas as pd
import pytest
from partitions import KEY, explained, table_and_wrapper
from pyspark.sql import SparkSession

pytestmark = pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas:FutureWarning",
    "ignore:unclosed:ResourceWarning",
    "ignore:The copy keyword is deprecated",  # which pyspark passes to pandas
)


@pytest.fixture
def spark(monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3"}
    builder = SparkSession.builder.master("local[2]")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_partitions_of_a_spark_table_are_explained_like_one_table(spark):
    X, wrapper = table_and_wrapper()
    frame = spark.createDataFrame(X.reset_index()).repartition(3)

    def explain(parts):
        for part in parts:
            yield explained(part.set_index(KEY), wrapper).reset_index()

    schema = ", ".join([f"{KEY} long", *(f"{name} double" for name in X.columns)])
    found = frame.mapInPandas(explain, schema).toPandas().set_index(KEY).sort_index()
    pd.testing.assert_frame_equal(found, explained(X, wrapper), check_exact=True)


def test_the_recipe_of_the_readme(spark):
    X, wrapper = table_and_wrapper()
    frame = spark.createDataFrame(X)
    schema = ", ".join(f"{name} double" for name in X.columns)
    found = frame.mapInPandas(lambda parts: (explained(part, wrapper) for part in parts), schema)
    expected = explained(X, wrapper).to_numpy()
    np.testing.assert_array_equal(found.toPandas().to_numpy(), expected)
