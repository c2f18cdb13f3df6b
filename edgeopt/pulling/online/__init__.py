"""Online pulling: service times are unknown and learned from the delays that a policy sees."""

from edgeopt.pulling.online.environment import Arrivals, Environment
from edgeopt.pulling.online.policies import POLICIES, OnlinePolicy
from edgeopt.pulling.online.study import Study, run_study

__all__ = ["POLICIES", "Arrivals", "Environment", "OnlinePolicy", "Study", "run_study"]
