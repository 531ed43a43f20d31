"""The journal's format: lines, their bounds, the names and positions of segments. Pure; what both planes share."""
