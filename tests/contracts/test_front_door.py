"""What the pages say and what the code does must not drift apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from upper_circuit.features import CATALOG

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("upper_circuit", "batch", "transformer", "predictor", "cli", "tests")


def targets() -> set[str]:
    """The targets of the Makefile that `make` lists."""
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_targets_that_exist(page):
    """A newcomer pastes what a page says."""
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))

    assert set() == named - targets()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_only_to_files_that_exist(page):
    """Relative links, within the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())

    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_commands_that_exist(page):
    """`upper-circuit NAME` is a command of the root."""
    from cli.__main__ import app

    known = {
        (command.name or command.callback.__name__).replace("_", "-") for command in app.registered_commands
    }
    known |= {group.name for group in app.registered_groups}
    named = set(re.findall(r"(?:`|\$ )upper-circuit ([a-z][a-z-]+)", page.read_text()))

    assert set() == named - known


@pytest.mark.parametrize(
    ("line", "first"),
    [
        pytest.param(
            "export PATH=$PWD/.venv/bin:$PATH", ("upper-circuit ", "python "), id="the folder of commands"
        ),
        pytest.param(
            "kubectl config set-context --current --namespace upper-circuit",
            ("kubectl create job ", "upper-circuit doctor"),
            id="the namespace",
        ),
    ],
)
def test_the_readme_says_first_where_its_commands_are_and_where_they_look(line, first):
    """`make setup` installs into .venv and Helm into a namespace; whoever pastes on without either finds nothing."""
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    typed = re.findall(r"^\$ (.+?)(?:\s+#.*)?$", "".join(blocks), re.MULTILINE)
    following = [place for place, command in enumerate(typed) if command.startswith(first)]

    assert typed.index(line) < min(following)


def test_no_module_opens_with_a_promise():
    """The first sentence of a module says why it exists; TODO is what a generator of folders leaves."""
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    unsaid = [
        str(path.relative_to(ROOT))
        for path in modules
        if re.match(r"\W*TODO", path.read_text(encoding="utf-8"))
    ]

    assert modules
    assert [] == unsaid


def test_every_feature_stands_on_the_page_of_features_with_its_range():
    """The page is what a user reads before they believe a number."""
    page = (ROOT / "docs/features.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\S+) \|$", page, re.MULTILINE))

    assert {feature.name: f"{feature.low:g}..{feature.high:g}" for feature in CATALOG} == rows


@pytest.mark.parametrize("page", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_says_its_reason_its_price_and_what_would_change_it(page):
    """Half a page: context, decision, consequences with a bad one, what would change our mind."""
    text = page.read_text()

    for part in ("Context", "Decision", "Consequences", "Bad:", "What would change our mind"):
        assert part in text, part


def test_the_demo_and_the_programs_agree_where_data_lie(monkeypatch, tmp_path):
    """One default each for registry and database, or a newcomer trains into one folder and scores from another."""
    from batch.settings import BatchSettings
    from cli.places import Places

    monkeypatch.chdir(tmp_path)
    for name in ("MODEL_REGISTRY_PATH", "FEATURE_DBS_PATH", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    places, batch = Places(), BatchSettings.read()

    assert places.model_registry_path == batch.model_registry_path
    assert places.feature_dbs_path == batch.feature_dbs_path
