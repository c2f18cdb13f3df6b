"""Online policies for streams: what they see, what they decide, and the replayer that runs them."""

from edgeopt.loading.policies.policy import Load, Policy, View, Wait, Waiting

__all__ = ["Load", "Policy", "View", "Wait", "Waiting"]
