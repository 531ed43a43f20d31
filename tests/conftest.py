"""For all tests: hypothesis judges what is true, not how fast this machine is at the moment."""

from hypothesis import settings

settings.register_profile("outlay", deadline=None)
settings.load_profile("outlay")
