import errno
import os

import pytest

from nengo_pc.networks.files import whole_file


def contents(folder):
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


# Closed form: what the folder must hold


def test_a_file_is_written_whole(tmp_path):
    with whole_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"a.txt": "new"}


def test_a_file_is_replaced_only_at_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert contents(tmp_path) == {"a.txt": "new"}


def test_missing_folders_are_made(tmp_path):
    with whole_file(str(tmp_path / "b" / "c" / "a.txt")) as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"b/c/a.txt": "new"}


def test_the_temporary_file_has_the_suffix_and_the_folder(tmp_path):
    with whole_file(tmp_path / "a.tar.npz") as temporary:
        assert temporary.suffix == ".npz"
        assert temporary.parent == tmp_path
        assert temporary.name != "a.tar.npz"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_has_the_rights_of_any_new_file(umask, tmp_path):
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("new")
        (tmp_path / "b.txt").write_text("plain")
        assert os.umask(umask) == umask  # left as it was
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode for name in ("a.txt", "b.txt")]
    assert modes[0] == modes[1]


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with whole_file(path) as first:
        first.write_text("fi")
        with whole_file(path) as second:
            second.write_text("second")
        assert path.read_text() == "second"
        first.write_text("first")
    assert contents(tmp_path) == {"a.txt": "first"}


# Invariants: nothing half-done


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("of no kind"),
        KeyboardInterrupt(),
        SystemExit(1),
    ],
    ids=repr,
)
@pytest.mark.parametrize("old", ["old", None])
def test_a_block_that_raises_leaves_everything(error, old, tmp_path):
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)
    with pytest.raises(type(error)) as caught, whole_file(path) as temporary:
        temporary.write_text("half")
        raise error
    assert caught.value is error
    assert contents(tmp_path) == ({} if old is None else {"a.txt": old})


@pytest.mark.parametrize("name", ["replace", "fsync"])
def test_a_failure_at_the_end_leaves_everything(name, tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, name, fail)
    with pytest.raises(OSError, match="Input/output"), whole_file(path) as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_temporary_file_that_went_away_leaves_everything(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(path) as temporary:
        temporary.unlink()
    assert contents(tmp_path) == {"a.txt": "old"}


# Bad input


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("a file, not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with (
            pytest.raises(OSError, match=r"cannot write a\.npz in this folder") as error,
            whole_file(folder / "a.npz"),
        ):
            raise AssertionError("the block must not run")
        assert error.value.filename == str(folder)
        assert error.value.errno in (errno.EEXIST, errno.ENOTDIR)


def test_a_folder_that_refuses_files_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with (
        pytest.raises(PermissionError, match=r"cannot write a\.npz.*Permission denied") as error,
        whole_file(tmp_path / "a.npz"),
    ):
        raise AssertionError("the block must not run")
    assert error.value.filename == str(tmp_path)


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError), whole_file(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
