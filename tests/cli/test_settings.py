"""Where an option's value comes from, seen by real verbs."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.peers import closed_port, server, until
from tests.programs import environment, run


def source(home: Path, key: str, **env: str) -> tuple[object, str]:
    """Return value and source of one setting, as `config show` tells them."""
    shown = run(home, "config", "show", "--json", cwd=home, **env)
    assert shown.returncode == 0, shown.stderr
    rows = {row["key"]: row for row in map(json.loads, shown.stdout.splitlines())}
    return rows[key]["value"], rows[key]["from"]


def test_the_closer_source_outweighs_the_farther_one(tmp_path: Path) -> None:
    assert source(tmp_path, "call.wait") == (None, "default")
    mine = tmp_path / "config" / "sockwright.toml"
    mine.parent.mkdir()
    mine.write_text('wait = "1s"\n')
    assert source(tmp_path, "call.wait") == ("1s", str(mine))
    mine.write_text('wait = "1s"\n[call]\nwait = "2s"\n')
    assert source(tmp_path, "call.wait") == ("2s", str(mine))
    here = tmp_path / "sockwright.toml"
    here.write_text("[call]\nwait = 0.3\n[serve]\nmax_connections = 7\n")
    assert source(tmp_path, "call.wait") == (0.3, "sockwright.toml")
    assert source(tmp_path, "serve.max-connections") == (7, "sockwright.toml")
    assert source(tmp_path, "call.wait", SOCKWRIGHT_WAIT="4s") == ("4s", "SOCKWRIGHT_WAIT")
    both = {"SOCKWRIGHT_WAIT": "4s", "SOCKWRIGHT_CALL_WAIT": "5s"}
    assert source(tmp_path, "call.wait", **both) == ("5s", "SOCKWRIGHT_CALL_WAIT")


def test_a_verb_really_takes_them(tmp_path: Path) -> None:
    over = threading.Event()

    def said(*words: str, **env: str) -> str:
        with server(until(over)) as port:
            result = run(tmp_path, "call", f"tcp://:{port}", "x", *words, cwd=tmp_path, **env)
            over.set()
        over.clear()
        assert result.returncode == 4
        return result.stderr

    (tmp_path / "sockwright.toml").write_text('[call]\nwait = "100ms"\n')
    assert "said nothing for 100ms" in said()
    assert "said nothing for 120ms" in said(SOCKWRIGHT_CALL_WAIT="120ms")
    assert "said nothing for 140ms" in said("--wait", "140ms", SOCKWRIGHT_CALL_WAIT="120ms")
    (tmp_path / "sockwright.toml").write_text("json = true\n")
    failed = run(tmp_path, "call", f"tcp://:{closed_port()}", cwd=tmp_path)
    assert json.loads(failed.stdout)["exit"] == 3
    failed = run(tmp_path, "call", f"tcp://:{closed_port()}", cwd=tmp_path, SOCKWRIGHT_JSON="false")
    assert failed.stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[serve]\nidel = 5\n", "[serve]: there is no setting 'idel'. Did you mean 'idle'?"),
        ("[srve]\nidle = 5\n", "there is no table 'srve'. Did you mean 'serve'?"),
        ("wiat = 5\n", "there is no setting 'wiat'. Did you mean 'wait'?"),
        ("wait = 'soon'\n", "wait = 'soon': 'soon' is not a duration"),
        ("[call]\njson = 'yes'\n", "json = 'yes' is not true or false"),
        ("[call]\nsplit = 0\n", "split = '0': 0 is not in the range"),
        ("wait = \n", "is not TOML"),
        ("wait = true\n", "a value is wanted"),
        ("[config.shwo]\njson = true\n", "there is no table 'shwo'. Did you mean 'show'?"),
    ],
)
def test_what_makes_no_sense_in_a_file_is_named_with_the_file_and_the_nearest_key(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "sockwright.toml").write_text(text)
    result = run(tmp_path, "call", "tcp://:1", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "sockwright.toml" in result.stderr
    assert said in result.stderr
    # Who asks for help gets it, whatever is in the file.
    assert run(tmp_path, "call", "--help", cwd=tmp_path).returncode == 0


def test_a_bad_variable_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, "call", "tcp://:1", SOCKWRIGHT_WAIT="soon")
    assert result.returncode == 2
    assert "SOCKWRIGHT_WAIT='soon'" in result.stderr
    assert "SOCKWRIGHT_WIAT sets nothing" in run(tmp_path, "config", "show", SOCKWRIGHT_WIAT="1").stderr


def test_show_of_one_verb_and_paths(tmp_path: Path) -> None:
    shown = run(tmp_path, "config", "show", "serve").stdout.splitlines()
    assert {line.split(".")[0] for line in shown} == {"serve"}
    assert run(tmp_path, "config", "show", "srve").returncode == 2
    assert run(tmp_path, "config", "path", "data").stdout.strip() == str(tmp_path / "data")
    assert "not there yet" in run(tmp_path, "config", "path").stdout
    assert not (tmp_path / "data").exists()  # asking makes nothing


def test_ca_prints_a_certificate_that_can_be_trusted(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    printed = run(tmp_path, "config", "ca").stdout.strip()
    assert printed == str(tmp_path / "data" / "tls" / "ca.pem")
    ssl.create_default_context(cafile=printed)
    assert run(tmp_path, "config", "ca").stdout.strip() == printed


def test_help_imports_click_and_nothing_slow(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['sockwright', '--help']\n"
        "from sockwright.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(tmp_path), check=True
    )
    loaded = set(done.stderr.split())
    assert "click" in loaded
    slow = {"asyncio", "ssl", "socket", "msgspec", "rich", "sqlite3", "platformdirs", "tomllib", "uvloop", "httptools"}
    assert not loaded & slow


def test_every_verbs_help_shows_examples_and_imports_little(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "import sockwright.cli as cli, click\n"
        "for verb in cli.VERBS:\n"
        "    command = cli.load(verb)\n"
        "    text = command.get_help(click.Context(command, info_name=verb))\n"
        "    assert f'sockwright {verb}' in text, text\n"
        "print(*sorted(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(tmp_path), check=False
    )
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {"asyncio", "ssl", "msgspec", "rich", "sqlite3", "uvloop", "httptools"}
