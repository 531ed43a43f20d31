"""Commands, one file a group, thin: they read arguments, call one thing, and say what came of it."""
