"""`python -m tianji_core`: the same as the command `tianji`."""

from tianji_core.cli import main

if __name__ == "__main__":
    main()
