"""The documentation says what is true: links lead somewhere, commands and keys exist, the tutorial runs."""

from __future__ import annotations

import ast
import inspect
import os
import re
import site
import subprocess
import sys
import textwrap
import venv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
import yaml
from house import ROOT
from pages import PAGES, PLUGIN_PAGES, Block, anchors, blocks, commands, links, name, prose

from tianji_core import Gateway, hookspecs
from tianji_core.api import errors
from tianji_core.cli import group
from tianji_core.config import ConfigError, load

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=name)
DOCS = ROOT / "docs"


# -- links, commands, snippets ----------------------------------------------------------------------------------------


@EVERY_PAGE
def test_every_link_leads_somewhere(page):
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{name(page)} links to {target}"
        assert found.is_relative_to(ROOT), f"{name(page)} links out of the repository: {target}"
        if anchor:
            assert anchor in anchors(found), f"{name(page)} links to {target}, and there is no such heading"


def test_every_page_is_linked_from_another():
    targets = [(page, target.partition("#")[0]) for page in PAGES for target in links(page) if "://" not in target]
    reached = {(page.parent / file).resolve() for page, file in targets}
    lost = [name(page) for page in PAGES if page not in reached and page.name not in ("README.md", "CHANGELOG.md")]
    assert not lost, f"nobody finds {', '.join(lost)}"


@pytest.mark.parametrize("page", [*PAGES, *PLUGIN_PAGES], ids=name)
def test_every_tianji_command_exists(page):
    for place, words in commands(page, "tianji"):
        command: click.Command = group
        context = click.Context(group, **group.context_settings)
        if words and words[0].startswith("-") and words[0] not in ("--version", "-v", "--help", "-h", "--debug"):
            words = ["serve", *words]
        while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z]+", words[0]):
            found = command.get_command(context, words[0])
            assert found is not None, f"{place}: there is no command {words[0]}"
            command, words = found, words[1:]
        known = {option for each in command.get_params(context) for option in (*each.opts, *each.secondary_opts)}
        for word in words:
            if word.startswith("-") and word != "-":
                assert word.partition("=")[0] in known, f"{place}: {command.name} has no option {word}"


@EVERY_PAGE
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for place, words in commands(page, "make"):
        asked = [word for word in words if "=" not in word]
        assert set(asked) <= targets, f"{place}: the Makefile has no {', '.join(set(asked) - targets)}"


def test_the_readme_names_the_two_commands():
    named = {words[0] for _, words in commands(ROOT / "README.md", "make") if words}
    assert {"run", "test"} <= named


@pytest.mark.parametrize("page", [*PAGES, *PLUGIN_PAGES], ids=name)
def test_every_config_is_one(page, tmp_path):
    """Every YAML block is a config, or a part of one, whose keys Tianji knows and honours."""
    for block in blocks(page, "yaml"):
        data = yaml.safe_load(block.text)
        assert isinstance(data, dict), block.place
        for included in data.get("include", ()):
            (tmp_path / included).write_text("model_list: []\n")
        file = tmp_path / "config.yaml"
        file.write_text(block.text)
        loaded = load(file, environ={})
        with suppress(ConfigError):  # for want of a key, or of a file beside the config
            Gateway.from_config(loaded)  # a plugin honours keys that the core does not know
        wrong = [str(problem) for problem in loaded.report if problem.kind != "missing-env"]
        assert not wrong, f"{block.place}:\n" + "\n".join(wrong)


@EVERY_PAGE
def test_every_python_block_compiles(page):
    for block in blocks(page, "python"):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compile(textwrap.dedent(block.text), block.place, "exec", flags=flags)


@EVERY_PAGE
def test_the_words_are_ours(page):
    """One word for one idea; what belongs to one vendor's or one machine's world stays out."""
    text = prose(page).lower()
    for word in (r"\badapters?\b", r"\bhandlers?\b(?!`)", r"\bintegrations?\b"):
        found = re.search(word, re.sub(r"`[^`]*`", "", text))
        assert found is None, f"{name(page)}: {found[0] if found else ''}"


# -- pages that repeat what the code says ------------------------------------------------------------------------------


def functions_of(page: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """The functions in a page's Python blocks: the class they stand in (or nothing), the node, the place."""
    for block in blocks(page, "python"):
        for node in ast.parse(block.text).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield "", node, block.place
            elif isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield node.name, each, block.place


def spelled(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"({ast.unparse(node.args)}){returns}"


def signature(function: object) -> str:
    """The signature that Python sees, spelled as `ast.unparse` spells it; annotations are texts here."""
    shown = inspect.signature(function)  # type: ignore[arg-type]
    shown = shown.replace(
        parameters=[p.replace(annotation=_Bare(p.annotation)) for p in shown.parameters.values()],
        return_annotation=_Bare(shown.return_annotation),
    )
    return spelled(ast.parse(f"def f{shown}: ...").body[0])


class _Bare:
    """An annotation whose repr is its text."""

    def __new__(cls, annotation: object) -> object:
        return annotation if annotation is inspect.Parameter.empty else super().__new__(cls)

    def __init__(self, annotation: object) -> None:
        self.text = annotation if isinstance(annotation, str) else repr(annotation)

    def __repr__(self) -> str:
        return self.text


def test_every_hook_is_shown_with_its_exact_signature():
    hooks = {key: value for key, value in vars(hookspecs).items() if key.startswith("tianji_")}
    shown = {node.name: spelled(node) for of, node, _ in functions_of(DOCS / "plugins/hooks.md") if not of}
    assert shown.keys() == hooks.keys()
    for hook, function in hooks.items():
        assert shown[hook] == signature(function), hook


def test_every_method_of_the_contracts_is_shown_with_its_exact_signature():
    from tianji_core.api import auth, cache, call, callback, guardrail, http, provider, routing
    from tianji_core.openai_compat import OpenAICompatible

    homes = {"Register": hookspecs.Register, "OpenAICompatible": OpenAICompatible}
    for module in (auth, cache, call, callback, guardrail, http, provider, routing):
        homes |= {key: value for key, value in vars(module).items() if inspect.isclass(value)}
    seen = set()
    for of, node, place in functions_of(DOCS / "plugins/hooks.md"):
        if not of:
            continue
        seen.add(of)
        found = inspect.getattr_static(homes[of], node.name)
        function = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
        assert spelled(node) == signature(function), f"{place}: {of}.{node.name}"
        assert isinstance(node, ast.AsyncFunctionDef) == inspect.iscoroutinefunction(function), f"{of}.{node.name}"
    assert {"Provider", "RoutingStrategy", "Callback", "Guardrail", "AuthBackend", "Cache", "StreamDecoder"} <= seen


def test_the_error_page_has_the_tree():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| `(\w+)` \|", (DOCS / "reference/errors.md").read_text(), re.MULTILINE)
    shown = {cls: (int(status), kind) for cls, status, kind in rows}
    tree = {
        key: (value.status, value.type)
        for key, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.GatewayError) and value is not errors.GatewayError
    }
    assert shown == tree


def test_the_http_page_has_every_route():
    from tianji_core import create_app

    text = (DOCS / "reference/http.md").read_text()
    for route in create_app({"model_list": []}).routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
        assert f"`{path}`" in text, f"docs/reference/http.md does not mention {path}"


def test_the_http_page_has_every_response_header():
    from tianji_core.server.headers import HeaderWriter

    text = (DOCS / "reference/http.md").read_text()
    kept = list(vars(HeaderWriter("x-litellm-")).values())
    flat = [each for value in kept for each in (value if isinstance(value, (tuple, list)) else [value])]
    names = {found for value in flat if isinstance(value, bytes) for found in re.findall(rb"x-litellm-[a-z-]+", value)}
    assert len(names) > 20
    for header in names:
        assert f"`{header.decode()}`" in text, f"docs/reference/http.md does not mention {header.decode()}"


def test_the_http_page_has_every_body_member_of_the_gateway():
    from tianji_core.api.members import OWN
    from tianji_core.gateway.body import REFUSED

    text = (DOCS / "reference/http.md").read_text()
    missing = sorted(member for member in OWN | REFUSED if f"`{member}`" not in text)
    assert not missing, f"docs/reference/http.md does not mention {', '.join(missing)}"


def test_the_command_line_page_has_every_option():
    text = (DOCS / "reference/cli.md").read_text()
    for command in walk(group):
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                named = any(re.search(rf"`[^`\n]*{option}\b", text) for option in parameter.opts)
                assert named, f"docs/reference/cli.md does not mention {command.name} {parameter.opts}"


def walk(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command, **group.context_settings)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None:
                yield from walk(found)


def test_every_dependency_has_its_reason():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (DOCS / "adr/0002-core-dependencies.md").read_text()
    for line in project["dependencies"]:
        package = re.match(r"[\w-]+", line)[0]
        assert f"`{package}`" in text, f"0002 does not say why {package} is needed"


# -- the tutorial ------------------------------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path):
    """A folder outside the repository, and an environment of its own that sees what this one has installed."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    ours = [path for path in site.getsitepackages() if Path(path).is_dir()]
    (packages / "ours.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in ours))
    python = home / "bin" / "python"
    for command, start in {
        "pip": '-m pip "$1" --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation "${@:2}"',
        "pytest": '-m pytest -p no:cacheprovider "$@"',
        "tianji": '-c "from tianji_core.cli import main; main()" "$@"',
    }.items():
        shim = home / "bin" / command
        shim.write_text(f"#!/usr/bin/env bash\nexec {python} {start}\n")
        shim.chmod(0o755)
    taken = ("PYTEST", "PYTHON", "TIANJI", "LITELLM", "ACME")
    env = {key: value for key, value in os.environ.items() if not key.startswith(taken)}
    env["PATH"] = f"{home / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder, env


def script_of(page: Path) -> tuple[str, list[tuple[Block, int]]]:
    """A shell script that does what a page says, and the outputs it shows: the block, the number of its commands."""
    lines, expected, ran = ["set -euo pipefail"], [], 0
    for block in blocks(page):
        if block.file:
            folder = os.path.dirname(block.file) or "."
            lines += [f"mkdir -p {folder}", f"cat > {block.file} <<'END-OF-BLOCK'", block.text + "END-OF-BLOCK"]
        elif block.language == "sh":
            lines += [f"{{ : {block.place}", block.text + f'}} > "$OUT/{ran}" 2>&1']
            ran += 1
        elif block.language == "text" and ran:
            expected.append((block, ran - 1))
    return "\n".join(lines), expected


@pytest.mark.timeout(120)
@pytest.mark.parametrize("page", ["plugins/writing.md", "start/first-steps.md"])
def test_the_tutorials_run(page, outside, tmp_path):
    folder, env = outside
    script, expected = script_of(DOCS / page)
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**env, "OUT": str(tmp_path / "out")}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    said = {int(path.name): path.read_text() for path in (tmp_path / "out").iterdir()}
    last = said.get(max(said, default=0), "")
    assert done.returncode == 0, f"step {max(said, default=0)} of {page} failed:\n{done.stdout}{last}"
    for block, number in expected:
        for line in block.text.splitlines():
            if line.strip() and "…" not in line:
                assert line.strip() in said[number], f"{block.place} shows {line!r}, and it was:\n{said[number]}"
    if page == "plugins/writing.md":
        assert sys.version_info >= (3, 11)
        assert any(re.search(r"[23]\d\d passed", text) for text in said.values()), "more than two hundred tests"
