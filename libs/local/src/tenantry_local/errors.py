"""What can go wrong when a server is started on this machine."""


class LocalError(Exception):
    """The root of this package's errors; its text is fit to be shown to a person."""


class MissingBinary(LocalError):
    """No executable was found; the text names the command that installs it. Do not retry."""


class InstallFailed(LocalError):
    """No way of installing a server worked; the text says what each one answered and what to do."""


class StartFailed(LocalError):
    """A child process ended, or did not get ready in time; the text ends with its last log lines."""


class PortTaken(StartFailed):
    """Another process listens on a port the child wants: choose another port, or stop the other."""
