import subprocess
import sys

import pytest

from tianji_core.transport import Limits, Timeouts, TransportError, TransportTimeout, errors


def test_shortest_is_the_smallest_time_out_of_an_open_connection():
    assert Timeouts().shortest == 60.0
    assert Timeouts(connect=1, pool=1, write=9, first_byte=8, between_chunks=7, total=None).shortest == 7
    assert Timeouts(None, None, None, None, None, None).shortest == float("inf")


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan")])
def test_a_time_out_that_is_not_positive_is_refused(wrong):
    with pytest.raises(ValueError, match="first_byte"):
        Timeouts(first_byte=wrong)


def test_limits_that_allow_nothing_are_refused():
    for name in ("max_connections", "max_head_bytes", "max_headers"):
        with pytest.raises(ValueError):
            Limits(**{name: 0})


def test_every_error_is_drawn_in_the_tree():
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, TransportError)]
    assert len(classes) == 15
    for each in classes:
        assert each.__name__ in errors.__doc__
        assert each("words").sent is False
        assert each("words", sent=True).sent is True
        if each.__name__.endswith("Timeout"):
            assert issubclass(each, TransportTimeout)


def test_httpx_is_not_imported_before_it_is_used():
    code = "import sys, tianji_core.transport; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
