"""One session of training: checkpoints by time, what a later session finds, and how many it took."""

import pytest
import torch
from training_support import trainer_of

from reproduce.base.errors import ReproduceError
from reproduce.train import session as session_module
from reproduce.train.checkpoint import load_checkpoint
from reproduce.train.session import train_to_end

pytestmark = pytest.mark.usefixtures("one_thread")

UPDATES = 12 + 15  # two epochs
NEVER = 1e9


@pytest.fixture
def saved(monkeypatch):
    """Collect the step of every checkpoint written."""
    steps, save = [], session_module.save_checkpoint

    def noting(path, state):
        steps.append(state["trainer"]["state"]["step"])
        save(path, state)

    monkeypatch.setattr(session_module, "save_checkpoint", noting)
    return steps


def test_checkpoints_come_by_time_and_at_the_end(study, saved, tmp_path, capsys):
    sessions = train_to_end(trainer_of(study, epochs=2), tmp_path / "never.pt", NEVER, "a run", {"number": 1})
    assert saved == [UPDATES] and sessions == [{"number": 1}]
    assert "a run: trained in " in capsys.readouterr().out
    saved.clear()
    train_to_end(trainer_of(study, epochs=2), tmp_path / "always.pt", 0.0, "a run", {})
    assert saved == [*range(1, UPDATES + 1), UPDATES]


def test_a_later_session_goes_on_and_is_counted(study, saved, tmp_path, monkeypatch, capsys):
    checkpoint, unbroken = tmp_path / "c.pt", trainer_of(study, epochs=2)
    train_to_end(unbroken, tmp_path / "unbroken.pt", NEVER, "a run", {})
    broken = trainer_of(study, epochs=2)
    advance = broken.advance

    def failing():
        if broken.state.step == 7:
            raise RuntimeError("the power fails")
        advance()

    monkeypatch.setattr(broken, "advance", failing)
    with pytest.raises(RuntimeError, match="the power fails"):
        train_to_end(broken, checkpoint, 0.0, "a run", {"number": 1})
    assert load_checkpoint(checkpoint)["sessions"] == [{"number": 1}]
    capsys.readouterr()
    resumed = trainer_of(study, epochs=2)
    sessions = train_to_end(resumed, checkpoint, NEVER, "a run", {"number": 2})
    assert sessions == [{"number": 1}, {"number": 2}]
    assert "a run: going on from step 7" in capsys.readouterr().out
    for one, other in zip(resumed.update.parameters, unbroken.update.parameters, strict=True):
        assert torch.equal(one, other)
    trained = trainer_of(study, epochs=2)  # a kill during the tests: only they are done again
    monkeypatch.setattr(trained, "advance", lambda: pytest.fail("trained again"))
    assert len(train_to_end(trained, checkpoint, NEVER, "a run", {"number": 3})) == 3


def test_a_checkpoint_that_cannot_be_read_is_named(study, tmp_path):
    (tmp_path / "c.pt").write_bytes(b"half a checkpoint")
    with pytest.raises(ReproduceError, match=r"checkpoint .*c.pt cannot be read .*; delete it to start afresh"):
        train_to_end(trainer_of(study, epochs=2), tmp_path / "c.pt", NEVER, "a run", {})
