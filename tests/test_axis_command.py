"""The command dora-axis as it is installed, and what it answers where a system or a file plays tricks on it; the page alone in a file."""

import errno
import hashlib
import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import make_axis_page
import make_wheel
import pytest
import standalone
import torch
from dorabook.checkpoint import Refused, judge
from dorabook.checkpoint.__main__ import main
from playwright.sync_api import expect
from safetensors.torch import save_file
from support import processes

BOOK = Path(__file__).parents[1] / "book"


@pytest.fixture
def adapter(tmp_path) -> Path:
    save_file({"x.dora_scale": torch.ones(1, 3)}, tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


def command(*given: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "dorabook.checkpoint", *map(str, given)], cwd=BOOK, text=True, timeout=100, **options
    )


# Installed alone


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return make_wheel.make(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_is_small_and_the_same_each_time(wheel, tmp_path):
    assert wheel.name == f"dora_axis-{standalone.version()}-py3-none-any.whl" and wheel.stat().st_size < 150_000
    assert (
        hashlib.sha256(make_wheel.make(tmp_path).read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()
    )
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names)) and {name.split("/")[0] for name in names} == {
        "dora_axis",
        names[-1].split("/")[0],
    }


def test_pip_installs_the_wheel_and_its_command_asks_for_no_torch(wheel, adapter, tmp_path):
    folder = tmp_path / "installed"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-cache-dir",
        "--target",
        folder,
        wheel,
    ]
    subprocess.run(pip, check=True, timeout=200, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    told = "import sys, runpy; sys.modules['torch'] = None; sys.argv[0] = 'dora-axis'; runpy.run_path({!r}, run_name='__main__')"
    [script] = (folder / "bin").iterdir()
    done = subprocess.run([sys.executable, "-c", told.format(str(script)), adapter], capture_output=True, text=True, timeout=100,
        env={**os.environ, "PYTHONPATH": str(folder)}, cwd=tmp_path)  # fmt: skip
    assert (script.name, done.returncode, done.stderr) == ("dora-axis", 0, "")
    assert done.stdout.startswith("a.safetensors: its magnitude is per input.")


# Files and streams that play tricks


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (tmp_path / "pipe.safetensors", tmp_path, Path("/dev/zero")):
        with pytest.raises(
            Refused, match=r"(pipe.safetensors|zero) is no file but a folder, a pipe or a device: give the path"
        ):
            judge(path)
    (tmp_path / "pipe.safetensors").rename(tmp_path / "one.safetensors")
    index = tmp_path / "m.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "one.safetensors"}}))
    with pytest.raises(Refused, match=r"^one.safetensors is no file but"):
        judge(index)
    index.unlink()
    os.mkfifo(index)
    done = command(tmp_path, capture_output=True)  # which would wait for a writer
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("m.safetensors.index.json is no file but a folder, a pipe or a device: ")


LOST = " is not there: give the path of a .safetensors file"
INDEX = "m.safetensors.index.json"
ODD_INDEXES = {
    "a folder": (Path.mkdir, " is no file but a folder, a pipe or a device: give the path of a .safetensors file"),
    "a broken link": (lambda index: index.symlink_to("nowhere"), LOST),
    "a link to itself": (lambda index: index.symlink_to(INDEX), LOST),
    "no text": (lambda index: index.write_bytes(b"\xff\x00"), " has no weight_map of tensor names to file names"),
    "a name of 300 letters": (lambda index: index.write_text(json.dumps({"weight_map": {"a": "x" * 300}})), f" names the file {'x' * 120}…, which is not there"),
}  # fmt: skip


@pytest.mark.parametrize(("lay", "says"), ODD_INDEXES.values(), ids=ODD_INDEXES)
def test_an_index_that_is_none_is_said_to_be_none_in_a_folder_too(adapter, tmp_path, capsys, lay, says):
    (tmp_path / "base").mkdir()
    lay(tmp_path / "base" / INDEX)
    for given in ([tmp_path / "base"], [adapter, "--base", tmp_path / "base"]):
        assert main([str(one) for one in given]) == 2
        out, [said] = (text if not at else text.splitlines() for at, text in enumerate(capsys.readouterr()))
        assert not out and said.startswith(INDEX + says)


def test_what_may_not_be_read_is_named(adapter, tmp_path, capsys, monkeypatch):
    """A superuser may read everything, so the system's answer is put in."""

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / INDEX).write_text("{}")
    for call, name, given in (
        ("read_text", INDEX, tmp_path / INDEX),
        ("open", "a.safetensors", adapter),
        ("iterdir", tmp_path.name, tmp_path),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Path, call, refuse)
            assert main([str(given)]) == 2
        says = f"{name} cannot be read (Permission denied): check that it is yours to read"
        assert capsys.readouterr() == ("", f"{says}\n")


def test_links_that_lead_nowhere_and_names_too_long_are_not_there(adapter, tmp_path, capsys):
    (tmp_path / "gone.safetensors").symlink_to("nowhere")
    (tmp_path / "round.index.json").symlink_to("round.index.json")
    for name in ("gone.safetensors", "round.index.json", "x" * 300 + ".safetensors", "x" * 300, "/".join(["x" * 200] * 30), "a\0b"):  # fmt: skip
        for given in ([tmp_path / name], [adapter, "--base", tmp_path / name]):
            assert main([str(one) for one in given]) == 2
            assert re.fullmatch(rf"[^\n\0]{{1,121}}{LOST}\n", capsys.readouterr().err)


def test_a_folder_that_has_no_name_of_its_own_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, name in (("", "."), (".", "."), ("/proc/self/..", "..")):
        assert main([given]) == 2
        assert capsys.readouterr().err.startswith(f"{name} has no .safetensors files")


def test_json_says_a_refusal_too(tmp_path, capsys):
    assert main([str(tmp_path / "lost.safetensors"), "--json"]) == 2
    said = "lost.safetensors is not there: give the path of a .safetensors file"
    shown = json.dumps({"adapter": "lost.safetensors", "refused": said}, indent=1)
    assert capsys.readouterr() == (f"{shown}\n", "")


def test_an_answer_that_cannot_be_written_is_one_sentence(adapter):
    with open("/dev/full", "w") as full:
        done = command(adapter, stdout=full, stderr=subprocess.PIPE)
        refused = command("lost", stdout=subprocess.PIPE, stderr=full)
    assert (done.returncode, done.stderr) == (2, "The answer could not be written (No space left on device).\n")
    assert (refused.returncode, refused.stdout) == (2, "")
    done = subprocess.run(
        f'"{sys.executable}" -m dorabook.checkpoint "{adapter}" >&-',
        shell=True,
        cwd=BOOK,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_told_where_it_can_be_and_a_reader_that_has_gone_is_not(adapter, tmp_path, monkeypatch, capsys):
    """In this process, whose streams are put back."""

    class Full(io.StringIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        assert main([str(adapter)]) == 2
    assert capsys.readouterr().err == "The answer could not be written (No space left on device).\n"
    with (tmp_path / "out").open("w") as out, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", Full())
        assert main([str(tmp_path / "lost")]) == 2
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as gone, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", gone)
        assert main([str(tmp_path / "lost"), "--json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_command_takes_what_its_process_was_given_and_writes_what_its_terminal_can_show(adapter, monkeypatch):
    save_file({f"\u6743.{end}": torch.ones(*shape) for end, shape in (("lora_A.weight", (1, 3)), ("lora_B.weight", (2, 1)),
        ("dora_scale", (2, 1)))}, adapter)  # fmt: skip
    terminal = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "argv", ["dora-axis", str(adapter)])
    assert main() == 0
    assert "\n?" in (shown := terminal.buffer.getvalue().decode()) and "2 x 3" in shown


@pytest.mark.parametrize(
    ("encoding", "size"),
    [("ascii", "2 x 3"), ("cp437", "2 x 3"), ("cp1252", "2 × 3"), ("latin-1", "2 × 3"), ("utf-8", "2 × 3")],
)
def test_a_terminal_of_one_language_gets_what_it_can_show(tmp_path, encoding, size):
    """And no number loses its sign."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 64, generator=draw) * torch.rand(64, 1, generator=draw).exp()
    square = {
        "s.lora_A.weight": torch.ones(1, 64),
        "s.lora_B.weight": torch.ones(64, 1),
        "s.dora_scale": 1 / weight.norm(dim=1),
    }
    other = {
        f"\u6743.{end}": torch.ones(*shape)
        for end, shape in (("lora_A.weight", (1, 3)), ("lora_B.weight", (2, 1)), ("dora_scale", (2, 1)))
    }
    save_file(square | other, tmp_path / "a.safetensors")
    save_file({"s.weight": weight}, tmp_path / "b.safetensors")
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    given = [tmp_path / "a.safetensors", "--base", tmp_path / "b.safetensors"]
    done = command(*given, capture_output=True, env=environment, encoding=encoding)
    assert (done.returncode, done.stderr) == (1, "")
    assert size in done.stdout and ("\n?" in done.stdout) == (encoding != "utf-8")
    assert re.search(r"slope\s+(-|\u2212)1\s+(\+-|±)\s", done.stdout)


def test_what_a_terminal_cannot_show_is_written_in_signs_that_it_can():
    for encoding, shown in (("ascii", "2 x+-3-...?a??"), ("cp1252", "2 ×±3-…?a??"), ("utf-8", "2 ×±3−…权a权权")):
        assert "2 ×±3−…权a权权".encode(encoding, "in_other_signs").decode(encoding) == shown


def test_no_name_reaches_the_terminal_as_an_escape(tmp_path):
    save_file({"\x1b[31mx\x07.dora_scale": torch.ones(1, 3)}, tmp_path / "\x1b[2Ja.safetensors")
    save_file({"q.\x1b[31mw": torch.ones(2, 2)}, tmp_path / "b.safetensors")
    for given in ([tmp_path / "\x1b[2Ja.safetensors"], [tmp_path / "\x1b]0;x"], [tmp_path / "\x1b[2Ja.safetensors", "--base", tmp_path / "b.safetensors"],
            ["--\x1b[31m"], [tmp_path / "b.safetensors"]):  # fmt: skip
        done = command(*given, capture_output=True)
        assert "\x1b" not in done.stdout + done.stderr and "\x07" not in done.stdout and "Traceback" not in done.stderr


def test_no_name_reaches_the_terminal_through_the_library_s_message(tmp_path, capsys):
    header = b'{"\\u001b[31mx":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(12))
    assert main([str(tmp_path / "a.safetensors")]) == 2
    assert "a.safetensors cannot be read (invalid offset for tensor `?[31mx`): " in capsys.readouterr().err


def test_a_base_that_is_cut_while_it_is_read_is_one_sentence(tmp_path):
    """A file that is mapped into memory would end the process without a word."""
    side = 1 << 10
    save_file(
        {
            "q.lora_A.weight": torch.ones(1, side),
            "q.lora_B.weight": torch.ones(side, 1),
            "q.dora_scale": torch.ones(side),
        },
        tmp_path / "a",
    )
    save_file({"q.weight": torch.ones(side, side)}, tmp_path / "b")
    with pytest.raises(Refused, match=r"^b is shorter than it was a moment ago: let whatever writes it finish"):
        judge(tmp_path / "a", tmp_path / "b", progress=lambda done, size: os.truncate(tmp_path / "b", done))


def test_ctrl_c_stops_a_command_in_one_sentence(tmp_path):
    """In a terminal, where a base of some GB is read or written and a percent is shown."""
    side = 1 << 14
    factors = {"q.lora_A.weight": torch.ones(1, side), "q.lora_B.weight": torch.ones(side, 1), "q.alpha": torch.ones(1)}
    save_file(factors | {"q.dora_scale": torch.ones(side, 1)}, tmp_path / "a.safetensors")
    weight = {"q.weight": {"dtype": "F32", "shape": [side, side], "data_offsets": [0, 4 * side * side]}}
    text = json.dumps(weight).encode()
    with (tmp_path / "b.safetensors").open("wb") as base:
        base.write(struct.pack("<Q", len(text)) + text)
        base.truncate(8 + len(text) + 4 * side * side)  # a gigabyte that takes no room
    judging = [
        sys.executable,
        "-m",
        "dorabook.checkpoint",
        str(tmp_path / "a.safetensors"),
        "--base",
        str(tmp_path / "b.safetensors"),
    ]
    code, said = processes.interrupted(judging, "reading the base: ", cwd=BOOK)
    assert code == 130 and said.splitlines()[-1].endswith("Stopped: nothing was written.") and "Traceback" not in said


# What merges and extracts, where a system or a file plays tricks on it

WRITING = {"merge": ["merge"], "extract": ["extract", "--rank", "2"]}


@pytest.fixture(params=WRITING.values(), ids=WRITING)
def writing(request, tmp_path) -> list[str]:
    """Arguments that write to `--out`, which is still to be given."""
    draw = torch.Generator().manual_seed(0)
    save_file(
        {"q.lora_A.weight": torch.randn(2, 300, generator=draw), "q.lora_B.weight": torch.randn(300, 2, generator=draw)}
        | {"q.alpha": torch.tensor(4.0), "q.dora_scale": torch.ones(300, 1)},
        tmp_path / "a.safetensors",
    )
    save_file({"q.weight": torch.randn(300, 300, generator=draw)}, tmp_path / "b.safetensors")
    return [*request.param, str(tmp_path / "a.safetensors"), "--base", str(tmp_path / "b.safetensors")]


def written(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name not in ("a.safetensors", "b.safetensors"))


def test_no_place_but_a_new_name_is_written_to(writing, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.safetensors.part").write_bytes(b"")
    for out, says in (
        (".", ". is a folder's place and no new name: give one"),
        ("/", "/ is a folder's place and no new name: give one"),
        ("b.safetensors", "b.safetensors is there already, and nothing is written over: give a new name"),
        ("lost/x", "the folder lost is not there: make it first"),
        ("a.safetensors/x", "the folder a.safetensors is not there: make it first"),
        ("x" * 300, f"{'x' * 120}… could not be written (File name too long); nothing of it was left"),
        ("\x1b[2Jo/x", "the folder ?[2Jo is not there: make it first"),
        ("cut.safetensors", "cut.safetensors.part is there, of a run that goes on or was cut off: remove it, or give a new name"),
    ):  # fmt: skip
        assert main([*writing, "--out", out]) == 2
        assert capsys.readouterr().err.splitlines()[-1] == says
    assert written(tmp_path) == ["cut.safetensors.part"]


def test_pipes_devices_and_an_index_that_points_outside_are_not_read(writing, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "m.safetensors.index.json").write_text('{"weight_map": {"q.weight": "../b.safetensors"}}')
    what, adapter, _, base = writing[:-3], *writing[-3:]
    for one, other, says in (
        (tmp_path / "pipe.safetensors", base, "pipe.safetensors is no file but a folder, a pipe or a device"),
        (adapter, tmp_path / "pipe.safetensors", "pipe.safetensors is no file but a folder, a pipe or a device"),
        (adapter, "/dev/zero", "zero is no file but a folder, a pipe or a device"),
        (
            adapter,
            tmp_path / "m.safetensors.index.json",
            "m.safetensors.index.json names ../b.safetensors, which is not",
        ),
        (adapter, adapter, "a.safetensors and a.safetensors both hold magnitudes: judge one adapter at a time"),
    ):
        assert main([*what, str(one), "--base", str(other), "--out", str(tmp_path / "o.safetensors")]) == 2
        assert capsys.readouterr().err.startswith(says)
    assert written(tmp_path) == ["m.safetensors.index.json", "pipe.safetensors"]


def test_names_reach_no_terminal_as_escapes_where_something_is_written(writing, tmp_path, capsys):
    name = "\x1b[31mq\x07"
    adapter, base = tmp_path / "\x1b[2Ja.safetensors", tmp_path / "f.safetensors"
    factors = {f"{name}.lora_A.weight": torch.ones(2, 12), f"{name}.lora_B.weight": torch.ones(12, 2)}
    save_file({f"{name}.weight": torch.ones(12, 12)}, base)
    given = [*writing[:-3], str(adapter), "--base", str(base), "--out", str(tmp_path / "\x1b[2Jo.safetensors")]
    for m, code in ((torch.ones(12, 1), 2), (torch.ones(12), 2), (torch.ones(12, 1), 0)):
        save_file(factors | {f"{name}.dora_scale": m}, adapter)
        assert main([*given, *([] if code else ["--alpha", "2"])]) == code
        said = capsys.readouterr()
        assert "\x1b" not in said.out + said.err and "\x07" not in said.out + said.err and (said.out or said.err)


def test_a_full_disk_leaves_nothing_and_a_closed_answer_what_was_written(writing, tmp_path):
    import resource

    out = tmp_path / "o.safetensors"
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # noqa: E731
    done = command(*writing, "--out", out, capture_output=True, preexec_fn=small)
    assert done.returncode == 2 and done.stderr.startswith("o.safetensors could not be written (")
    assert (
        done.stderr.endswith("; nothing of it was left\n") and "File too large" in done.stderr and not written(tmp_path)
    )
    done = command(*writing, "--out", out, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr, written(tmp_path)) == (0, "", ["o.safetensors"])
    with open("/dev/full", "w") as full:
        done = command(*writing, "--out", tmp_path / "again.safetensors", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "The answer could not be written (No space left on device).\n")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_leaves_nothing(writing, tmp_path, monkeypatch, capsys, end):
    """Sent where half is written, by the last step before the file takes its name."""
    seen = []

    def stopped(half, _out):
        seen.append(os.path.getsize(half))
        os.kill(os.getpid(), end)

    monkeypatch.setattr(os, "rename", stopped)
    own = signal.signal(end, signal.default_int_handler if end == signal.SIGINT else signal.SIG_DFL)
    before = signal.getsignal(end)  # as a command in a terminal has it: what runs in the background may hear no Ctrl-C
    assert main([*writing, "--out", str(tmp_path / "o.safetensors")]) == 130
    assert capsys.readouterr().err == "Stopped: nothing was written.\n"
    assert seen[0] > 1000 and not written(tmp_path) and signal.getsignal(end) == before
    signal.signal(end, own)


# The page alone


def test_one_file_judges_a_pair_from_the_disk_and_can_send_nothing(browser, adapter, tmp_path):
    made = make_axis_page.make(tmp_path)
    assert made.stat().st_size < 300_000
    page = browser.new_page()
    failed, asked = [], []
    page.on("pageerror", lambda error: failed.append(error))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(made.as_uri())
    page.wait_for_selector("figure[data-ready=true]")
    page.get_by_label("Choose a .safetensors adapter").set_input_files(adapter)
    expect(page.locator("[role=status]")).to_contain_text("a.safetensors: its magnitude is per input.")
    assert not failed and [url for url in asked if not url.startswith("data:")] == [made.as_uri()]
    assert page.evaluate("fetch('https://example.org').then(() => 'sent', () => 'not sent')") == "not sent"
