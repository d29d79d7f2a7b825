"""Ctrl-C ends a waiting command, whatever Python was doing when it came."""

from __future__ import annotations

import signal

import pytest

from airflow_provider_integry.cli.interrupts import interruptible

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Finalized:
    """In whose finalizer somebody presses Ctrl-C."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def wait(*, in_finalizer: bool) -> None:
    with interruptible("The link stays good.") as check:
        if in_finalizer:
            Finalized()
        else:
            signal.raise_signal(signal.SIGINT)
            pytest.fail("Ctrl-C ended nothing")
        check()
        pytest.fail("the check did not notice")


@pytest.mark.parametrize("in_finalizer", [False, True])
def test_ctrl_c_ends_with_a_sentence_and_130(capsys, in_finalizer):
    with pytest.raises(SystemExit) as ended:
        wait(in_finalizer=in_finalizer)

    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "Not waiting any longer. The link stays good.\n")


def test_without_ctrl_c_nothing_ends_and_the_old_handler_is_back():
    before = signal.getsignal(signal.SIGINT)
    with interruptible("") as check:
        check()
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before
