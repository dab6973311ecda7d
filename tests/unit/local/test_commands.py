"""Other programs are run to their end, and their failures explained."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local import commands
from tenantry_local.errors import InstallFailed

type AddProgram = Callable[[str, str], None]


def test_output_is_returned(add_program: AddProgram) -> None:
    add_program("tool", "echo version 1; echo noise >&2")

    assert commands.run("tool") == "version 1\n"


def test_output_on_the_other_stream_is_returned_where_there_is_no_other(
    add_program: AddProgram,
) -> None:
    add_program("tool", "echo version 1 >&2")

    assert commands.run("tool") == "version 1\n"


def test_the_command_runs_in_the_given_folder(add_program: AddProgram, tmp_path: Path) -> None:
    add_program("tool", "touch here")

    commands.run("tool", cwd=tmp_path)

    assert (tmp_path / "here").exists()


def test_a_failure_is_told_in_the_last_words_of_the_program(add_program: AddProgram) -> None:
    add_program("tool", "for i in 1 2 3 4 5 6; do echo line $i >&2; done; exit 100")

    with pytest.raises(InstallFailed, match=r"^tool: line 2; line 3; line 4; line 5; line 6$"):
        commands.run("tool")


def test_a_silent_failure_is_told_by_its_status(add_program: AddProgram) -> None:
    add_program("tool", "exit 100")

    with pytest.raises(InstallFailed, match=r"^tool: status 100$"):
        commands.run("tool")


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(InstallFailed, match=r"^no-such-tool: .*No such file"):
        commands.run("no-such-tool")
