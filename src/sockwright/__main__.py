"""`python -m sockwright` is the same program as `sockwright`."""

from sockwright.cli import main

if __name__ == "__main__":
    main()
