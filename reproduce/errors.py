"""The one exception a user is meant to see."""


class ReproduceError(Exception):
    """Bad input or a failed check, with a one-line message that names the value, the file and what to do.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code = 2


class InterruptedRunError(ReproduceError):
    """A run that was stopped before its end; its checkpoint is kept and the same command resumes it."""

    exit_code = 75  # EX_TEMPFAIL: DVC and schedulers must not take an interrupted run for a finished one


class ElsewhereError(ReproduceError):
    """An error that another process of the same training reports: this one ends with its status and says nothing."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("another process of this training failed; its error says why")
        self.exit_code = exit_code
