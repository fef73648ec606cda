"""Who asks: no service is asked anonymously."""

import os
import re

import pipeline
from pipeline.config import Config
from pipeline.errors import ConfigError


def user_agent(config: Config, *, is_local: bool) -> str:
    """Returns what a service is told of who asks: the program, its address, and whom to write to.

    Raises:
        ConfigError: nobody is named as contact, and the service is not one on this machine; or the contact is no
            e-mail address.
    """
    contact = os.environ.get("CENSUS_CONTACT", "").strip() or config.scrape.contact
    if not contact and not is_local:
        raise ConfigError(
            "nobody is named as contact, and no service is asked anonymously",
            where="[scrape.contact]",
            do="write your e-mail address there, or set CENSUS_CONTACT",
        )
    if contact and not re.fullmatch(r"[^@\s<>();:,]+@[^@\s<>();:,]+\.[^@\s<>();:,]+", contact):
        raise ConfigError(
            f"{contact!r} is no e-mail address, and services want to know whom to write to",
            where="[scrape.contact]",
            do="write name@example.org there, or set CENSUS_CONTACT to it",
        )
    place = f"+{config.dataset.url}; " if config.dataset.url else ""
    return f"alignment-census/{pipeline.__version__} ({place}mailto:{contact or 'nobody@localhost'})"
