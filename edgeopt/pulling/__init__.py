"""Joint model selection and pulling: which model serves a request where, and which blocks are pulled for it."""
