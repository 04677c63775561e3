"""One file for each HTTP surface."""
