"""`python -m retrial` is the `retrial` command."""

from retrial.cli import main

if __name__ == "__main__":
    main()
