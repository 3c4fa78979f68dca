"""The project's own rules, each shown to bite."""

from pathlib import Path

import pytest

from tools import own_rules


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a place for a module that the rules will read."""
    monkeypatch.chdir(tmp_path)
    path = Path("vault/some.py")
    path.parent.mkdir()
    return path


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("def f(request):\n    return str(request)\n", "makes a message text"),
        ("def f(request):\n    return f'{request}'\n", "makes a message text"),
        ("def f(response):\n    return repr(response)\n", "makes a message text"),
        ("async def f(context):\n    await context.abort(1)\n", "aborts a call"),
        ("x = 1\n" * 401, "more than 400 lines"),
    ],
)
def test_a_module_that_breaks_a_rule_is_named(module: Path, text: str, complaint: str) -> None:
    module.write_text(text)
    assert any(complaint in problem for problem in own_rules.of_module(module))


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "base", "manager"])
def test_a_name_that_says_nothing_is_refused(module: Path, name: str) -> None:
    path = module.with_stem(name)
    path.write_text("")
    assert any("says nothing" in problem for problem in own_rules.of_module(path))


def test_a_good_module_passes(module: Path) -> None:
    module.write_text("def f(request):\n    return request.token\n")
    assert not list(own_rules.of_module(module))


def test_the_project_keeps_its_rules() -> None:
    assert list(own_rules.problems()) == []
