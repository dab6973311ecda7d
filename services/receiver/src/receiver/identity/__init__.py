"""Who pushes: every way in which a request can say it, and what is believed."""
