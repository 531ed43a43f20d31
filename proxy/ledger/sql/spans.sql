-- What one load brought, for whoever follows the ledger.
SELECT
    id, opened_us, dialect, operation, provider, model, stream, team, project, session, agent, client, trace, refused,
    reason, outcome, status, input_text + input_audio + input_image, cache_read + cache_read_audio,
    cache_write_5m + cache_write_1h, output_text + reasoning + output_audio + output_image, reasoning, served_model,
    service_tier, request_id, cost_pico, estimated, first_byte_us, total_us
FROM calls
WHERE load = $load;
