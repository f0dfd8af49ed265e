"""Settings of all tests."""

import os

from hypothesis import settings

os.environ["AGENTC_CACHE"] = "off"  # a test tells whether code works now, not what an earlier run kept

settings.register_profile("agentc", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("agentc")
