"""The load runs behind `make bench`: run.py is the plan, each module here one part of it."""
