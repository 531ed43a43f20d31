"""The use case of the control plane: load facts into the store, and answer reports from them. SQL stands in sql/."""
