"""Golden rows are asked in another process, and what happens to it is an answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.factories.broken_models import MALFORMED, damaged
from tests.factories.models import CALIBRATION, NAMES, booster, manifest, rows, signed, write_model
from upper_circuit.errors import ModelRejected
from upper_circuit.models import apart, golden
from upper_circuit.models.golden import Answers
from upper_circuit.models.scorer import Forest

GB = 1 << 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good model."""
    return write_model(tmp_path_factory.mktemp("golden") / "1.0.0")


@pytest.fixture(scope="module")
def answers(folder: Path) -> Answers:
    """What it answers, asked in this process."""
    return golden.ask(folder)


def changed(answers: Answers, **facts: object) -> Answers:
    """Answers that differ in the facts named."""
    fields = {name: getattr(answers, name) for name in Answers.__dataclass_fields__}
    return Answers(**{**fields, **facts})


def nudged(values: list[float], by: float) -> list[float]:
    """The last value moved a little."""
    return [*values[:-1], values[-1] + by]


def test_rows_span_the_margins_and_the_missing_branches() -> None:
    """From the lowest margin to the highest; of every second row some features are missing, of the last one all."""
    forest = Forest.load(booster(), feature_names=NAMES)
    matrix = rows(200, seed=1)

    found = golden.make_rows(forest, CALIBRATION, matrix)

    missing = [sum(value is None for value in row.values) for row in found]
    assert 16 == len(found)
    assert found[0].margin == forest.margins(matrix).min()
    assert found[14].margin > np.quantile(forest.margins(matrix), 0.8)
    assert all(count >= 8 for count in missing[1::2])
    assert 25 == missing[-1]


def test_making_rows_leaves_the_matrix_alone() -> None:
    """Blanked values are blanked in the copy: the caller goes on with its rows."""
    matrix = rows(50, seed=2)
    before = matrix.tobytes()

    golden.make_rows(Forest.load(booster(), feature_names=NAMES), CALIBRATION, matrix)

    assert before == matrix.tobytes()


def test_few_rows_are_enough() -> None:
    """A tiny training set still gives sixteen golden rows."""
    forest = Forest.load(booster(), feature_names=NAMES)

    assert 16 == len(golden.make_rows(forest, CALIBRATION, rows(1)))


def test_equal_answers_pass(answers: Answers) -> None:
    """To the last bit, on the machine that made them."""
    golden.compare(manifest(), answers)


@pytest.mark.parametrize("name", ["margins", "probabilities"])
def test_one_bit_is_a_difference_where_the_same_library_runs(answers: Answers, name: str) -> None:
    """The same library on the same kind of machine must not differ at all."""
    values = getattr(answers, name)
    by = float(np.spacing(np.float32(values[-1])))

    with pytest.raises(ModelRejected, match=r"row 15 has \w+ .* is due \(at most 0\.0 off\)"):
        golden.compare(manifest(), changed(answers, **{name: nudged(values, by)}))


def test_a_bit_is_no_difference_between_two_kinds_of_machine(answers: Answers) -> None:
    """Logarithms may differ there in their last bit; a model must not be tied to the machine it was trained on."""
    elsewhere = changed(answers, machine="riscv64", margins=nudged(answers.margins, 1e-6))

    golden.compare(manifest(), elsewhere)


def test_more_than_a_bit_is_a_difference_anywhere(answers: Answers) -> None:
    """Beyond 1e-5 it is another model."""
    elsewhere = changed(answers, machine="riscv64", margins=nudged(answers.margins, 1e-4))

    with pytest.raises(ModelRejected, match=r"made with xgboost .* here is xgboost .* on riscv64"):
        golden.compare(manifest(), elsewhere)


@pytest.mark.parametrize("gap", [float("nan"), float("inf"), 0.1])
def test_contributions_that_do_not_sum_are_refused(answers: Answers, gap: float) -> None:
    """A model that scores but cannot be explained is not sound."""
    with pytest.raises(ModelRejected, match="SHAP values miss the margin"):
        golden.compare(manifest(), changed(answers, shap_gap=gap))


def test_an_answer_that_is_no_number_is_refused(answers: Answers) -> None:
    """NaN compares false with everything, and false must not mean equal."""
    with pytest.raises(ModelRejected, match="row 15 has margin nan"):
        golden.compare(manifest(), changed(answers, margins=[*answers.margins[:-1], float("nan")]))


def test_the_other_process_answers_as_this_one(folder: Path, answers: Answers) -> None:
    """A clean environment with one thread and limits changes no bit."""
    assert answers == golden.ask_apart(folder, "1.0.0", memory_limit=GB, timeout=60)


def test_a_process_that_was_started_ahead_is_the_one_that_answers(folder: Path, answers: Answers) -> None:
    """It has imported what it needs when the question comes; a second question gets a process of its own."""
    with apart.ahead():
        (started,) = apart._ready

        first = golden.ask_apart(folder, "1.0.0", memory_limit=GB, timeout=60)

        assert 0 == started.returncode
        assert not apart._ready
        assert answers == first == golden.ask_apart(folder, "1.0.0", memory_limit=GB, timeout=60)


def test_a_process_that_nobody_needed_is_ended() -> None:
    """A run that is refused early leaves none behind."""
    with apart.ahead():
        (started,) = apart._ready

    assert started.returncode is not None
    assert not apart._ready


def test_a_model_that_kills_its_process_is_only_refused(tmp_path: Path) -> None:
    """XGBoost loads this forest, dies of SIGSEGV at its first row, and this test goes on."""
    killer = damaged(MALFORMED["left child far out of range"])
    folder = write_model(tmp_path / "1.0.0", killer, signed(manifest(), killer))

    with pytest.raises(ModelRejected, match="the process that scored them died of SIG"):
        golden.ask_apart(folder, "1.0.0", memory_limit=GB, timeout=60)


def test_a_model_that_never_answers_is_refused(folder: Path) -> None:
    """The process is ended when its time is up."""
    with pytest.raises(ModelRejected, match=r"no answer within 0\.05 s"):
        golden.ask_apart(folder, "1.0.0", memory_limit=GB, timeout=0.05)


def test_a_process_that_needs_more_memory_fails(folder: Path) -> None:
    """The limit is on the whole address space, libraries included: with too little not even they can be loaded."""
    with pytest.raises(ModelRejected, match="the process that scored them"):
        golden.ask_apart(folder, "1.0.0", memory_limit=-golden.ROOM + (64 << 20), timeout=60)


def test_the_command_prints_one_line(folder: Path, answers: Answers, capsys: pytest.CaptureFixture[str],
                                     monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """`python -m upper_circuit.models.golden FOLDER` prints JSON; limits are set first and asked for in bytes."""
    wanted: list[tuple[int, int]] = []
    monkeypatch.setattr(
        golden, "_limit_this_process", lambda memory, seconds: wanted.append((memory, seconds))
    )

    assert 0 == golden.main([str(folder), "--memory", "123", "--seconds", "7"])

    assert [(123, 7)] == wanted
    assert answers == Answers(**json.loads(capsys.readouterr().out))
