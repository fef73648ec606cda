"""Who asks: no service is asked anonymously."""

import os

import pipeline
from pipeline.config import Config
from pipeline.errors import ConfigError


def user_agent(config: Config, *, is_local: bool) -> str:
    """Returns what a service is told of who asks: the program, its address, and whom to write to.

    Raises:
        ConfigError: nobody is named as contact, and the service is not one on this machine.
    """
    contact = os.environ.get("CENSUS_CONTACT", "").strip() or config.scrape.contact
    if not contact and not is_local:
        raise ConfigError(
            "nobody is named as contact, and no service is asked anonymously",
            where="[scrape.contact]",
            do="write your e-mail address there, or set CENSUS_CONTACT",
        )
    return f"alignment-census/{pipeline.__version__} (+{config.dataset.url}; mailto:{contact or 'nobody@localhost'})"
