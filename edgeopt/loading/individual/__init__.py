"""Methods of `loading` for users with individual deadlines, after an upload phase, with consecutive retention."""
