"""Tests of large libraries, in an environment with the extra `integration`."""

from importlib.util import find_spec

LIBRARIES = ("array_api_strict", "catboost", "pyspark", "ray", "xgboost")
collect_ignore_glob = [] if all(map(find_spec, LIBRARIES)) else ["test_*.py"]
