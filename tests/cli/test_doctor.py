from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from tests.programs import run

from sockwright.cli import doctor


def told(home: Path, **env: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    result = run(home, "doctor", "--json", cwd=None, stdin=None, **env)
    rows: dict[str, list[dict[str, str]]] = {}
    for row in map(json.loads, result.stdout.splitlines()):
        rows.setdefault(row["topic"], []).append(row)
    return result.returncode, rows


def test_a_healthy_machine_has_nothing_bad(tmp_path: Path) -> None:
    code, rows = told(tmp_path)
    assert code == 0
    expected = {
        "sockwright",
        "openssl",
        "sqlite",
        "uvloop",
        "files",
        "ipv4",
        "ipv6",
        "localhost",
        "ports",
        "data",
        "clock",
    }
    assert expected <= set(rows)
    assert not [row for found in rows.values() for row in found if "could not be looked at" in row["words"]]
    shown = run(tmp_path, "doctor").stdout
    assert "ok    sqlite" in shown or "note  sqlite" in shown


def test_bad_folders_settings_and_variables_are_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, rows = told(tmp_path / "file")
    assert code == 1
    assert rows["data"][0]["level"] == "bad"
    assert "SOCKWRIGHT_HOME" in rows["data"][0]["cure"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "sockwright.toml").write_text("[serve]\nidel = 1\n")
    (tmp_path / "data" / "tls").mkdir(parents=True)
    (tmp_path / "data" / "tls" / "ca.pem").write_text("nonsense")
    result = run(tmp_path, "call", "--help")  # a bad file does not keep anybody from help
    assert result.returncode == 0
    findings = {finding.topic: finding for finding in doctor_findings(tmp_path)}
    assert findings["settings"].level == "bad"
    assert "Did you mean 'idle'" in findings["settings"].words
    assert findings["ca"].level == "bad"


def doctor_findings(home: Path) -> list[doctor.Finding]:
    old = os.environ.get("SOCKWRIGHT_HOME")
    os.environ["SOCKWRIGHT_HOME"] = str(home)
    try:
        return list(doctor.findings())
    finally:
        if old is None:
            del os.environ["SOCKWRIGHT_HOME"]
        else:
            os.environ["SOCKWRIGHT_HOME"] = old


def test_proxies_and_misspelt_variables_are_notes(tmp_path: Path) -> None:
    code, rows = told(tmp_path, http_proxy="http://proxy.test:3128", SOCKWRIGHT_WIAT="3s", no_proxy="", NO_PROXY="")
    assert code == 0
    assert rows["proxy"][0]["level"] == "note"
    assert "SOCKWRIGHT_WIAT" in rows["settings"][0]["words"]
    _, rows = told(tmp_path, http_proxy="http://proxy.test:3128", no_proxy="127.0.0.1")
    assert rows["proxy"][0]["level"] == "ok"


def test_a_busy_port_of_up_is_named_with_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    from sockwright.cli import up

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        monkeypatch.setattr(up, "TABLE", (("echo", ("echo",), ("tcp",), port),))
        [finding] = list(doctor._ports())
    assert finding.level == "note"
    assert f"{port}/tcp is taken by" in finding.words
    assert f"(pid {os.getpid()})" in finding.words


def test_what_cannot_be_looked_at_harms_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[doctor.Finding]:
        raise OSError("no such thing here")

    monkeypatch.setattr(doctor, "LOOKS", (broken, doctor._clock))
    first, second = doctor.findings()
    assert (first.level, "no such thing here" in first.words) == ("note", True)
    assert second.topic == "clock"
