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


@pytest.mark.parametrize(
    "line",
    [
        "str(request)",
        "repr(self.request)",
        "ascii(cards)",
        "format(message, '')",
        "print('got', reply)",
        "print(*replies)",
        "f'{card}'",
        "f'{update!r}'",
        "f'{request=}'",
        "f'{self._call.request:>10}'",
        "'%s' % contents",
        "'%s of %s' % (token, card)",
        "'{}'.format(intent)",
        "'{card}'.format(card=card)",
        "message.__repr__()",
        "log.info('got', request=request)",
        "_log.warning('got %s', update)",
        "self._log.exception('failed', cards=[card])",
        "logging.error(reply)",
        "structlog.get_logger().info('got', given=MessageToJson(x))",
        "structlog.get_logger().info(reply)",
        "logging.getLogger('x').info('got %s', reply)",
        "self._log.bind(method='m').info('got', reply=reply)",
        "text_format.MessageToString(x)",
        "json_format.MessageToJson(x)",
    ],
)
def test_no_message_is_made_text(module: Path, line: str) -> None:
    module.write_text(f"def f(self, request, card, update, token):\n    return {line}\n")
    assert list(own_rules.of_module(module)) == ["vault/some.py:2: makes a message text"]


@pytest.mark.parametrize(
    "text",
    [
        "def f(request):\n    raise ValueError(request)\n",
        "def f(card):\n    raise ValueError('bad', card)\n",
        "from google.protobuf import text_format\n",
        "def f(message: Message):\n    return str(message)\n",
        "def f(pan: str):\n    return f'{pan}'\n",
        "def f(message: str):\n    def g(message):\n        return str(card)\n",
    ],
)
def test_nor_in_an_exception_nor_by_protobuf(module: Path, text: str) -> None:
    module.write_text(text)
    assert any("makes a message text" in each for each in own_rules.of_module(module))


@pytest.mark.parametrize(
    "line",
    [
        "f'{card.token}'",
        "str(request.revision)",
        "log.info('got', method=request.method, count=len(cards))",
        "'%s' % card.token",
        "f'{len(requests)}'",
        "Answer(code, message)",
        "request.SerializeToString()",
        "catalog.info(card)",
        "f'{message}: {details}'",
    ],
)
def test_what_shows_no_message_passes(module: Path, line: str) -> None:
    module.write_text(f"def f(request, card, message: str, details: str):\n    return {line}\n")
    assert list(own_rules.of_module(module)) == []


def test_a_good_module_passes(module: Path) -> None:
    module.write_text("def f(request):\n    return request.token\n")
    assert not list(own_rules.of_module(module))


def test_the_project_keeps_its_rules() -> None:
    assert list(own_rules.problems()) == []
