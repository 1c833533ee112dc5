"""Which files load, under which names their handlers are known, and what is refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from stephost.handler_directory import HandlerDirectory, NotFound
from stephost.loader import Loader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HANDLER = (
    "from stephost import StepHandler\nclass {name}(StepHandler):\n    {body}\n    def call(self, context): return 1\n"
)


@pytest.fixture(autouse=True)
def clean_imports() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(root: Path, files: dict[str, str]) -> str:
    for file, text in files.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    return str(root)


def handler(name: str, body: str = "pass") -> str:
    return HANDLER.format(name=name, body=body)


def test_names_of_handlers(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "shop/ship.py": handler("Ship", 'handler_name = "ship_order"; handler_version = "2.1.0"'),
            "shop/pack.py": "from shop.ship import Ship\n" + handler("Pack"),
            "shop/tax.py": "from stephost.functional import step_handler\n@step_handler('tax')\ndef tax(): return {}\n",
            "base.py": "from stephost import StepHandler\nclass Base(StepHandler):\n    pass\n",
            ".venv/hidden.py": "raise RuntimeError",
            "node_modules/x.py": "raise RuntimeError",
            "target/x.py": "raise RuntimeError",
            "__init__.py": "",
        },
    )
    loader = Loader().load([root])
    assert loader.load_failures == []
    directory = HandlerDirectory(loader.handlers)
    announced = {item["callable"]: item for item in (handler.announcement() for handler in directory.handlers)}
    assert announced["ship_order"] == {
        "callable": "ship_order",
        "aliases": ["shop.ship.Ship"],
        "file": "shop/ship.py",
        "root": root,
        "version": "2.1.0",
        "capabilities": [],
        "on_crash": "backoff",
        "depends_on": [],
    }
    assert announced["shop.pack.Pack"]["aliases"] == ["Pack"]
    assert announced["tax"]["file"] == "shop/tax.py"
    assert set(announced) == {"ship_order", "shop.pack.Pack", "tax"}
    assert directory.resolve("shop.ship.Ship", None).callable == "ship_order"
    assert directory.resolve("shop.ship.Ship", "class_lookup").callable == "ship_order"
    assert directory.resolve("ship_order", "explicit_mapping").callable == "ship_order"
    for name, resolver in [("ship_order", "class_lookup"), ("shop.pack.Pack", "explicit_mapping"), ("tax", "mine")]:
        with pytest.raises(NotFound):
            directory.resolve(name, resolver)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ndef broken(:\n", "line 2: SyntaxError: invalid syntax"),
        ("\nimport not_installed\n", "line 2: ModuleNotFoundError: No module named 'not_installed'"),
        ("1 / 0\n", "line 1: ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", "calls `exit`"),
    ],
)
def test_a_file_that_does_not_load(tmp_path: Path, text: str, words: str) -> None:
    root = write(tmp_path, {"bad.py": text, "good.py": handler("Good")})
    loader = Loader().load([root])
    assert [handler.callable for handler in loader.handlers] == ["good.Good"]
    assert [failure["file"] for failure in loader.load_failures] == [f"{root}/bad.py"]
    assert words in loader.load_failures[0]["message"]


def test_names_of_other_modules_are_not_taken(tmp_path: Path) -> None:
    first = write(tmp_path / "a", {"queue.py": handler("Queue"), "ship.py": handler("Ship")})
    second = write(tmp_path / "b", {"ship.py": handler("Ship")})
    loader = Loader().load([first, second, str(tmp_path / "absent")])
    assert [handler.place for handler in loader.handlers] == [f"{first}/ship.py"]
    failures = {failure["file"]: failure["message"] for failure in loader.load_failures}
    assert "does not exist" in failures[str(tmp_path / "absent")]
    assert "rename the file" in failures[f"{first}/queue.py"]
    assert "rename the file" in failures[f"{second}/ship.py"]


def test_one_name_in_two_files_is_refused(tmp_path: Path) -> None:
    body = 'handler_name = "ship"'
    root = write(tmp_path, {"a.py": handler("A", body), "b.py": handler("B", body), "c.py": handler("C")})
    directory = HandlerDirectory(Loader().load([root]).handlers)
    assert [handler.callable for handler in directory.handlers] == ["c.C"]
    assert [failure["file"] for failure in directory.load_failures] == [f"{root}/a.py", f"{root}/b.py"]
    assert f"{root}/a.py and {root}/b.py" in directory.load_failures[0]["message"]


def test_an_alias_of_two_handlers_is_dropped(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": handler("Ship"), "b.py": handler("Ship")})
    directory = HandlerDirectory(Loader().load([root]).handlers)
    assert [(handler.callable, handler.aliases) for handler in directory.handlers] == [("a.Ship", []), ("b.Ship", [])]


def test_a_handler_file_leaves_no_cached_version_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    root = write(tmp_path, {"uncached_handler.py": handler("Uncached")})
    assert len(Loader().load([root]).handlers) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["uncached_handler.py"]
