"""Operations: what calls can be, over all dialects; the values of `operation` in rules and reports."""

from typing import Final

OPERATIONS: Final = (
    *("chat", "completions", "responses", "responses_compact", "responses_count", "responses_stored"),
    *("responses_warmup", "messages", "count_tokens", "embeddings", "moderations", "models", "deployments"),
    *("generate_content", "stream_generate_content", "cached_contents", "cached_contents_kept"),
    *("converse", "converse_stream", "invoke", "invoke_stream"),
    *("images", "images_generations", "images_edits", "images_variations"),
    *("audio_speech", "audio_transcriptions", "audio_translations", "realtime", "realtime_transcription"),
    *("files", "file_upload", "file_content", "uploads"),
    *("batches", "batch_submit", "batch_results", "batch_deleted", "passed", "websocket"),
)

SUBMIT: Final = "batch_submit"
"""Costs nothing itself; the calls that it brings along do."""
FREE: Final = frozenset(
    (
        *("responses_stored", "responses_count", "count_tokens", "moderations", "models", "deployments"),
        *("cached_contents_kept", "files", "file_upload", "file_content", "uploads"),
        *("batches", "batch_results", "batch_deleted", "passed", "websocket"),
    )
)
"""Cost nothing, so that no budget counts them: whoever has spent all may still list models and fetch results."""
