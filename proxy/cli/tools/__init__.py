"""Tools: how each SDK and agent CLI is told where outlay is. Pure: texts in, texts out."""
