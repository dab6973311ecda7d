"""Steps are said as lines where there is no terminal, and ticked off where there is one."""

import io

from rich.console import Console

from tenantry_cli.progress import Steps


def run_steps(console: Console) -> str:
    with Steps(console) as steps:
        steps.say("first")
        steps.say("second")
    return console.export_text()


def test_without_a_terminal_every_step_is_a_line() -> None:
    assert (
        run_steps(Console(record=True, file=io.StringIO(), force_terminal=False))
        == "· first\n· second\n"
    )


def test_at_a_terminal_finished_steps_are_ticked_off() -> None:
    text = run_steps(Console(record=True, file=io.StringIO(), force_terminal=True))

    assert [f"✓ {step}" in text for step in ("first", "second")] == [True, True]
