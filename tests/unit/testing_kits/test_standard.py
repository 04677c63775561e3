"""The guard: no standard test is lost without a reason."""

import pytest

from tianji_core.testing.standard import Conformance, override_faults, override_reasons, overrides_standard_test

GUARD = "test_no_standard_test_is_replaced_or_removed_without_a_reason"


class Kit(Conformance, kit=True):
    def test_one(self) -> None: ...
    def test_two(self) -> None: ...


class BiggerKit(Kit, kit=True):
    def test_two(self) -> None: ...
    def test_three(self) -> None: ...


def test_a_subclass_may_add_tests_and_helpers():
    class Fine(Kit):
        def test_of_its_own(self) -> None: ...
        def helper(self) -> None: ...

    getattr(Fine(), GUARD)()


def test_replacing_a_standard_test_fails_when_the_class_is_made():
    with pytest.raises(TypeError, match=r"Silent replaces the standard test test_one.*overrides_standard_test"):

        class Silent(Kit):
            def test_one(self) -> None: ...


def test_removing_one_fails_too():
    with pytest.raises(TypeError, match="removes the standard test test_one"):

        class Silent(Kit):
            test_one = None


def test_so_does_a_mixin_in_front():
    class Mixin:
        def test_two(self) -> None: ...

    with pytest.raises(TypeError, match="test_two"):

        class Silent(Mixin, Kit): ...


def test_so_does_marking_one_to_be_skipped():
    with pytest.raises(TypeError, match="test_one"):

        class Silent(Kit):
            test_one = pytest.mark.skip(lambda self: None)


def test_so_does_replacing_the_guard_itself():
    with pytest.raises(TypeError, match="without_a_reason"):
        type("Silent", (Kit,), {GUARD: lambda self: None})


def test_what_is_done_later_fails_as_a_test():
    class Late(Kit): ...

    Late.test_one = lambda self: None
    with pytest.raises(AssertionError, match="Late replaces the standard test test_one"):
        getattr(Late(), GUARD)()


def test_with_a_reason_a_test_may_be_replaced_and_the_reason_can_be_read():
    class Open(Kit):
        @overrides_standard_test("no such thing here")
        def test_one(self) -> None: ...

    class Below(Open): ...

    assert override_faults(Below) == []
    assert override_reasons(Below) == {"test_one": "no such thing here"}
    getattr(Below(), GUARD)()


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_empty_reason_is_none(reason):
    with pytest.raises(ValueError, match="needs a reason"):
        overrides_standard_test(reason)


def test_a_kit_may_refine_the_tests_of_another_kit():
    assert set(BiggerKit.standard_tests) == {"test_one", "test_two", "test_three", GUARD}
    assert BiggerKit.standard_tests["test_two"] is BiggerKit.test_two

    class Fine(BiggerKit): ...

    with pytest.raises(TypeError, match="test_three"):

        class Silent(BiggerKit):
            def test_three(self) -> None: ...


def test_every_kit_of_ours_uses_it():
    from tianji_core.testing.auth import AuthBackendConformance
    from tianji_core.testing.callback import CallbackConformance
    from tianji_core.testing.guardrail import GuardrailConformance
    from tianji_core.testing.routing import RoutingStrategyConformance

    for kit in (AuthBackendConformance, CallbackConformance, GuardrailConformance, RoutingStrategyConformance):
        assert set(kit.standard_tests) == {name for name in dir(kit) if name.startswith("test_")}
        assert len(kit.standard_tests) >= 14
