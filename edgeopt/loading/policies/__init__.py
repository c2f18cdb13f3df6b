"""Online policies for streams: what they see, what they decide, and the replayer that runs them."""
