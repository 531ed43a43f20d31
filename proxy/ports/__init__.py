"""What the use cases need from outside, as Protocols. Adapters implement them; fakes stand beside the tests."""
