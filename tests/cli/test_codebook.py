"""`codebook`: files in and out, every bad row named, whole or not at all, seen by a server that runs."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from tests.programs import run, running
from tests.sockets import until


def file(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def book(home: Path, name: str = "b") -> dict[str, str]:
    done = run(home, "codebook", "export", name, "--as", "json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert isinstance(content, dict)
    return content


PAIRS = {"khoor": "hello", "тулезх": "привет", "a b": "two, words", 'q"q': "quo'te"}

FILES = {
    "b.csv": 'word,plain\nkhoor,hello\n\nтулезх,привет\na b,"two, words"\n"q""q",quo\'te\n',
    "b.tsv": "khoor\thello\r\nтулезх\tпривет\r\na b\ttwo, words\r\nq\"q\tquo'te\r\n",
    "b.json": json.dumps(PAIRS),
    "pairs": json.dumps(list(PAIRS.items())),
    "objects": json.dumps([{"word": word, "plain": plain} for word, plain in PAIRS.items()]),
    "semicolons": 'Word;Plain\nkhoor;hello\nтулезх;привет\na b;"two, words"\n"q""q";quo\'te\n',
    "tabs": "khoor\thello\nтулезх\tпривет\na b\ttwo, words\nq\"q\tquo'te",
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_of_each_kind_by_name_or_content(tmp_path: Path, name: str, mark: str) -> None:
    done = run(tmp_path, "codebook", "import", file(tmp_path, name, mark + FILES[name]), "--name", "b")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "4 words" in done.stderr
    assert book(tmp_path) == PAIRS


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_what_is_exported_is_imported_again(tmp_path: Path, form: str) -> None:
    run(tmp_path, "codebook", "import", file(tmp_path, "b.json", FILES["b.json"]), "--name", "b")
    written = run(tmp_path, "codebook", "export", "b", "--as", form).stdout
    assert run(tmp_path, "codebook", "import", "-", "--as", form, "--name", "c", stdin=written).returncode == 0
    assert book(tmp_path, "c") == PAIRS


@pytest.mark.parametrize(
    ("name", "content", "problems"),
    [
        (
            "b.csv",
            "khoor,hello\nzruog\n,x\ny,\nz,a,b\nkhoor,hullo\nok,fine\n\x1b[2J,red\nlong," + "x" * 1001,
            [
                "line 2: 1 columns",
                "line 3: the enciphered word is empty",
                "line 4: the plain word is empty",
                "line 5: 3 columns",
                "line 6: 'khoor' is 'hello' in line 1, and 'hullo' here",
                "line 8: the enciphered word holds a control character, \\x1b",
                "line 9: the plain word has 1001 characters",
            ],
        ),
        ("b.tsv", "a\tb\nc\n", ["line 2: 1 columns"]),
        ("b.json", '{"a": "b", "a": "c", "d": 1, "e": {"f": 1}, "g\\u0000": "h"}', ["entry 2", "entry 3", "entry 4"]),
        ("b.json", '[["a", "b"], ["a"], "x", ["\\ud800", "b"]]', ["entry 2", "entry 3", "entry 4: half of"]),
        ("nfc.csv", f"й,one\n{unicodedata.normalize('NFD', 'й')},two\n", ["line 2: 'й' is 'one' in line 1"]),
    ],
)
def test_bad_rows_are_named_and_nothing_is_changed(
    tmp_path: Path, name: str, content: str, problems: list[str]
) -> None:
    run(tmp_path, "codebook", "set", "b", "was", "there")
    done = run(tmp_path, "codebook", "import", file(tmp_path, name, content), "--name", "b")
    assert done.returncode == 1
    for problem in problems:
        assert problem in done.stderr
    assert "\x1b" not in done.stderr
    assert book(tmp_path) == {"was": "there"}


def test_what_the_book_says_otherwise_is_a_conflict(tmp_path: Path) -> None:
    run(tmp_path, "codebook", "import", file(tmp_path, "1.csv", "a,1\nb,2\n"), "--name", "b")
    second = file(tmp_path, "2.csv", "c,3\nb,two\na,1\n")
    done = run(tmp_path, "codebook", "import", second, "--name", "b")
    assert done.returncode == 1
    assert "line 2: 'b' is '2' in the book, and 'two' here" in done.stderr
    assert "--overwrite" in done.stderr
    assert book(tmp_path) == {"a": "1", "b": "2"}
    assert run(tmp_path, "codebook", "import", second, "--name", "b", "--overwrite").returncode == 0
    assert book(tmp_path) == {"a": "1", "b": "two", "c": "3"}
    only = file(tmp_path, "3.csv", "d,4\n")
    assert run(tmp_path, "codebook", "import", only, "--name", "b", "--replace").returncode == 0
    assert book(tmp_path) == {"d": "4"}


def test_windows_1251_is_told_from_utf8_with_a_hint(tmp_path: Path) -> None:
    content = file(tmp_path, "b.csv", "слово,привет\n".encode("cp1251"))
    done = run(tmp_path, "codebook", "import", content, "--name", "b")
    assert done.returncode == 2
    assert "line 1: byte 0xf1 is not UTF-8" in done.stderr
    assert "--encoding cp1251" in done.stderr
    assert run(tmp_path, "codebook", "import", content, "--name", "b", "--encoding", "cp1251").returncode == 0
    assert book(tmp_path) == {"слово": "привет"}
    content = file(tmp_path, "c.csv", "слово,привет\n".encode("utf-16"))
    assert "--encoding utf-16" in run(tmp_path, "codebook", "import", content, "--name", "c").stderr
    assert run(tmp_path, "codebook", "import", content, "--name", "c", "--encoding", "klingon").returncode == 2


def test_what_is_no_file_and_no_json(tmp_path: Path) -> None:
    assert run(tmp_path, "codebook", "import", str(tmp_path / "none.csv"), "--name", "b").returncode == 2
    done = run(tmp_path, "codebook", "import", file(tmp_path, "b.json", '{\n"a": 1,\n}'), "--name", "b")
    line = 3 if sys.version_info < (3, 13) else 2  # newer ones point at the comma that is too many
    assert (done.returncode, f"line {line}: this is not JSON" in done.stderr) == (2, True)
    deep = file(tmp_path, "deep.json", "[" * 100_000)
    assert run(tmp_path, "codebook", "import", deep, "--name", "b").returncode == 2
    assert run(tmp_path, "codebook", "import", file(tmp_path, "n.json", "7"), "--name", "b").returncode == 2


def test_list_show_set_and_remove(tmp_path: Path) -> None:
    assert "there is no book yet" in run(tmp_path, "codebook", "list").stderr
    assert run(tmp_path, "codebook", "set", "школа", "khoor", "hello").returncode == 0
    run(tmp_path, "codebook", "set", "школа", "zruog", "two words")
    assert run(tmp_path, "codebook", "list").stdout.split() == ["школа", "2", "words"]
    assert json.loads(run(tmp_path, "codebook", "list", "--json").stdout) == {"name": "школа", "words": 2}
    assert run(tmp_path, "codebook", "show", "школа").stdout == "khoor  hello\nzruog  two words\n"
    done = run(tmp_path, "codebook", "show", "школа", "KHOOR", "nope")
    assert (done.returncode, done.stdout) == (1, "KHOOR  HELLO\nnope   ?\n")
    done = run(tmp_path, "codebook", "remove", "школа", "khoor", "nope")
    assert (done.returncode, "'nope'" in done.stderr) == (1, True)
    assert run(tmp_path, "codebook", "remove", "школа", "khoor").returncode == 0
    assert book(tmp_path, "школа") == {"zruog": "two words"}
    assert run(tmp_path, "codebook", "remove", "школа").returncode == 0
    done = run(tmp_path, "codebook", "remove", "школа")
    assert (done.returncode, "there is no book" in done.stderr) == (1, True)
    assert run(tmp_path, "codebook", "set", "b", "x\x1b", "y").returncode == 1
    assert run(tmp_path, "codebook", "set", "b", "x", "").returncode == 1


@pytest.mark.parametrize(
    ("cipher", "word"), [("caesar:3", "тулезх"), ("atbash", "поцэъм"), ("keyword:ключ", "ноеюбр"), ("sha256", "")]
)
def test_make_a_book_by_a_cipher(tmp_path: Path, cipher: str, word: str) -> None:
    words = file(tmp_path, "words.txt", "привет\nworld привет\n")
    assert run(tmp_path, "codebook", "make", words, "--cipher", cipher, "--name", "b").returncode == 0
    made = book(tmp_path)
    assert set(made.values()) == {"привет", "world"}
    if word:
        assert made[word] == "привет"
    again = run(tmp_path, "codebook", "make", words, "--cipher", cipher, "--name", "b")
    assert (again.returncode, "--replace" in again.stderr) == (1, True)
    assert run(tmp_path, "codebook", "make", words, "--cipher", "ceasar:3", "--name", "c").returncode == 2


def test_a_server_that_runs_sees_changes_without_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, "serve", "tcp://:0", "--do", "codebook") as server:
        at = f":{server.port('codebook')}"
        assert run(tmp_path, "decode", "--at", at, "khoor").stdout == "hello\n"
        run(tmp_path, "codebook", "set", "default", "khoor", "changed")
        until(lambda: run(tmp_path, "decode", "--at", at, "khoor").stdout == "changed\n")
        run(tmp_path, "codebook", "import", file(tmp_path, "n.csv", "a,b\n"), "--name", "новая")
        until(lambda: run(tmp_path, "decode", "--at", at, "--book", "новая", "a").stdout == "b\n")


def test_a_store_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    run(tmp_path, "codebook", "set", "b", "x", "y")
    url = f"sqlite:{tmp_path}/data/state.db?mode=ro"
    assert run(tmp_path, "codebook", "show", "b", "--store", url).stdout == "x  y\n"
    done = run(tmp_path, "codebook", "set", "b", "x", "z", "--store", url)
    assert (done.returncode, "may be read but not written" in done.stderr) == (1, True)
    done = run(tmp_path, "codebook", "list", "--store", "sqlite:/dev/null/state.db")
    assert (done.returncode, "state unavailable" in done.stderr) == (3, True)
