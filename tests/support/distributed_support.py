"""The two processes of the tests of distributed training, and the trainers that they are compared with."""

import os
import signal

import torch
from training_support import tiny_study, trainer_of, use_study

from reproduce.base.errors import ReproduceError
from reproduce.models.network import DropoutLayer
from reproduce.study.variant import Phase
from reproduce.train.checkpoint import load_checkpoint
from reproduce.train.distributed import Processes, joined_processes
from reproduce.train.loop import Trainer
from reproduce.train.session import train_to_end

CPU = torch.device("cpu")
UPDATES = 15  # of the two epochs in all; 12 of them in the first
ALONE = Processes()
NEVER = 1e9  # seconds between checkpoints


def trainer(folder, processes=ALONE, images_per_pass=None):
    """Return a trainer of two epochs at batch sizes 8, 8, 4, ...; the loss of every update is kept."""
    variant = tiny_study(folder).variant("small").model_copy(update={"diagnostics": ["update_losses"]})
    template = trainer_of(tiny_study(folder))
    phases = [Phase(epochs=2, training_files=[1, 2, 3, 4], weight_rate_factor=1.0)]
    return Trainer(variant, phases, 1, template.data, processes, images_per_pass)


def trained(trainer, updates=UPDATES):
    """Return the losses of the updates, the test probabilities and the saved state."""
    while trainer.state.step < updates:
        trainer.advance()
    probabilities, labels = trainer.probabilities(trainer.data.test(), views=10)
    return {
        "losses": trainer.state.update_losses,
        "errors": [row["test_error_percent"] for row in trainer.state.history],
        "probabilities": probabilities,
        "labels": labels,
        "saved": trainer.state_dict(),
    }


def masks_of(trainer):
    """Return [(positions, mask)] of the dropout layer's passes in three updates; a mask is output over input."""
    seen = []
    (layer,) = [layer for layer in trainer.network.layers.values() if isinstance(layer, DropoutLayer)]

    def look(layer, inputs, output):
        x, draw = inputs
        if draw is not None:
            seen.append((draw.positions, torch.where(x == 0, torch.nan, output / x)))

    layer.register_forward_hook(look)
    for _ in range(3):
        trainer.advance()
    return seen


def outcome(attempt):
    """Return the result of ``attempt``, or the kind, status and text of its error."""
    try:
        return attempt()
    except ReproduceError as error:
        return type(error).__name__, error.exit_code, str(error)


def fails(text, status=2):
    error = ReproduceError(text)
    error.exit_code = status
    raise error


def process(rank, port, folder):
    """Do the work that the tests of distributed training examine, as one of two processes."""
    addresses = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update({"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", **addresses})
    torch.set_num_threads(1)
    use_study(folder)
    with joined_processes(CPU) as processes:
        with joined_processes(CPU) as again:
            results = {"again": again == processes}
        results["sums"] = processes.sums([1.0 + rank, 0.5])
        results["joined"] = processes.joined(torch.arange(3 * rank, 3 * rank + 1 + rank))
        results["agreed"] = outcome(lambda: processes.agreed(lambda: f"of {rank}"))
        results["one fails"] = outcome(lambda: processes.agreed(lambda: fails("second's", 75) if rank else None))
        results["both fail"] = outcome(lambda: processes.agreed(lambda: fails(f"error of {rank}")))
        results["all know"] = outcome(lambda: processes.fail(ReproduceError("known to all")))
        for images_per_pass in (None, 3):
            results[images_per_pass] = trained(trainer(folder, processes, images_per_pass))
        results["resumed"] = trained(after(trainer(folder, processes), folder / "alone.pt"))
        results["masks"] = masks_of(trainer(folder, processes, 3))
        results["stopped"] = outcome(lambda: stopped(trainer(folder, processes), folder / "stopped.pt"))
        results["unshared"] = outcome(lambda: session(trainer(folder, processes), folder / f"shared{rank}.pt"))
        results["unwritable"] = outcome(lambda: session(trainer(folder, processes), folder / "file" / "c.pt"))
    torch.save(results, folder / f"rank{rank}.pt")


def session(trainer, checkpoint, seconds=NEVER):
    return train_to_end(trainer, checkpoint, seconds, "a run", {"processes": trainer.processes.count})


def stopped(trainer, checkpoint):
    """Train until the second process alone is asked to stop, in its fourth update."""
    advance = trainer.advance

    def asked():
        advance()
        if trainer.state.step == 4 and not trainer.processes.is_first:
            os.kill(os.getpid(), signal.SIGTERM)

    trainer.advance = asked
    return session(trainer, checkpoint)


def after(trainer, checkpoint):
    trainer.load_state_dict(load_checkpoint(checkpoint))
    return trainer
