"""``python -m sklime``: the importances of the columns of a file."""

from ._cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
