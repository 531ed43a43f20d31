"""Settings: environment and flags, frozen. The only reader of os.environ (provider keys included, by name)."""
