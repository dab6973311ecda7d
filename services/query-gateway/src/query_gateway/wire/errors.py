"""What can go wrong on the way to a backend and back."""


class Broken(Exception):
    """There is no whole answer: not reached, not HTTP as we read it, or ended before its end."""


class Stale(Broken):
    """A kept connection ended before anything of the answer came: the backend had closed it.

    Ask again over another one; it is not the request that was the matter.
    """
