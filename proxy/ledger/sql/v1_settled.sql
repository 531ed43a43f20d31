-- Settled lines of format 1, each with its byte offset `o`. What the format can't leave out is not defaulted: its
-- absence fails the statement. Objects larger than 4 MiB can't come (a line is at most 256 KiB); the limit sizes the
-- reader's buffer, and the default of 16 MiB costs more than it gives.
INSERT INTO calls
SELECT
    $load, $node, $boot, $number, o,
    call.id, call.opened_us, call.dialect, call.operation, call.provider, call.account, call.model, call.stream,
    call.key_id, call.owner, call.owner_kind, call.team, call.project, call.cost_center, call.purpose, call.policy,
    coalesce(call.session, ''), coalesce(call.agent, ''), coalesce(call.repository, ''), coalesce(call.branch, ''),
    coalesce(call."commit", ''), coalesce(call.work_item, ''), coalesce(call.justification, ''),
    coalesce(call.client, ''), coalesce(call.retry, 0), coalesce(call.fingerprint, ''), coalesce(call.hash_key, ''),
    coalesce(call.tags, MAP {}),
    false, '', '', '',
    settled_us, outcome, status,
    usage.input_text, coalesce(usage.input_audio, 0), coalesce(usage.input_image, 0), coalesce(usage.cache_read,
    0), coalesce(usage.cache_read_audio, 0), coalesce(usage.cache_write_5m, 0), coalesce(usage.cache_write_1h,
    0), coalesce(usage.output_text, 0), coalesce(usage.reasoning, 0), coalesce(usage.output_audio, 0),
    coalesce(usage.output_image, 0), coalesce(usage.web_search, 0),
    coalesce(served.model, ''), coalesce(served.service_tier, ''), coalesce(served.region, ''),
    coalesce(served.speed, ''), coalesce(served.request_id, ''),
    cost.total_pico,
    coalesce(cost.by_kind.input_text, 0), coalesce(cost.by_kind.input_audio, 0),
    coalesce(cost.by_kind.input_image, 0), coalesce(cost.by_kind.cache_read, 0),
    coalesce(cost.by_kind.cache_read_audio, 0), coalesce(cost.by_kind.cache_write_5m, 0),
    coalesce(cost.by_kind.cache_write_1h, 0), coalesce(cost.by_kind.output_text, 0),
    coalesce(cost.by_kind.reasoning, 0), coalesce(cost.by_kind.output_audio, 0),
    coalesce(cost.by_kind.output_image, 0), coalesce(cost.by_kind.web_search, 0),
    cost.price_id, coalesce(cost.unpriced, false), estimated,
    coalesce(timing.upstream_us, 0), coalesce(timing.first_byte_us, 0), coalesce(timing.total_us, 0),
    coalesce(edits, []), coalesce(matched, []),
    coalesce(usage.input_audio_ms, 0), coalesce(usage.input_characters, 0), coalesce(usage.output_images, 0),
    coalesce(cost.by_kind.input_audio_ms, 0), coalesce(cost.by_kind.input_characters, 0),
    coalesce(cost.by_kind.output_images, 0), coalesce(served.variant, ''), coalesce(call.trace, ''),
    coalesce(shadow, []),
    ask,
    found, coalesce(repeats, []),
    coalesce(squeezed, [])
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'call': 'STRUCT(
        id VARCHAR, opened_us BIGINT, dialect VARCHAR, operation VARCHAR, provider VARCHAR, account VARCHAR,
        model VARCHAR, stream BOOLEAN, key_id VARCHAR, owner VARCHAR, owner_kind VARCHAR, team VARCHAR,
        project VARCHAR, cost_center VARCHAR, purpose VARCHAR, policy VARCHAR, session VARCHAR, agent VARCHAR,
        repository VARCHAR, branch VARCHAR, "commit" VARCHAR, work_item VARCHAR, justification VARCHAR,
        client VARCHAR, retry BIGINT, fingerprint VARCHAR, hash_key VARCHAR, tags MAP(VARCHAR, VARCHAR),
        trace VARCHAR)',
    'settled_us': 'BIGINT', 'outcome': 'VARCHAR', 'status': 'BIGINT',
    'usage': 'STRUCT(
        input_text BIGINT, input_audio BIGINT, input_image BIGINT, cache_read BIGINT, cache_read_audio
        BIGINT, cache_write_5m BIGINT, cache_write_1h BIGINT, output_text BIGINT, reasoning BIGINT,
        output_audio BIGINT, output_image BIGINT, web_search BIGINT, input_audio_ms BIGINT, input_characters BIGINT,
        output_images BIGINT)',
    'served': 'STRUCT(
        model VARCHAR, service_tier VARCHAR, region VARCHAR, speed VARCHAR, variant VARCHAR, request_id VARCHAR)',
    'cost': 'STRUCT(
        total_pico BIGINT, by_kind STRUCT(
            input_text BIGINT, input_audio BIGINT, input_image BIGINT, cache_read BIGINT,
            cache_read_audio BIGINT, cache_write_5m BIGINT, cache_write_1h BIGINT, output_text BIGINT,
            reasoning BIGINT, output_audio BIGINT, output_image BIGINT, web_search BIGINT, input_audio_ms BIGINT,
            input_characters BIGINT, output_images BIGINT),
        price_id VARCHAR, unpriced BOOLEAN)',
    'estimated': 'BOOLEAN', 'timing': 'STRUCT(upstream_us BIGINT, first_byte_us BIGINT, total_us BIGINT)',
    'edits': 'VARCHAR[]', 'matched': 'VARCHAR[]', 'shadow': 'VARCHAR[]',
    'ask': 'STRUCT(
        hold_pico BIGINT, hold_input BIGINT, hold_output BIGINT, expected BIGINT, input_bytes BIGINT,
        output_max BIGINT, thinking_max BIGINT, unseen BIGINT, choices BIGINT, searches BIGINT, background BIGINT,
        spoken BIGINT, unpriced BIGINT, free BIGINT, unlimitable BIGINT, input_audio BIGINT, input_image BIGINT,
        output_audio BIGINT, output_image BIGINT, input_audio_ms BIGINT, input_characters BIGINT,
        output_images BIGINT, tier VARCHAR, region VARCHAR, speed VARCHAR, variant VARCHAR, sent VARCHAR)',
    'found': 'STRUCT(
        class VARCHAR, score BIGINT, flagged BIGINT, campaign VARCHAR, exempted VARCHAR, action VARCHAR,
        saved_pico BIGINT, age_us BIGINT)',
    'repeats': 'VARCHAR[]',
    'squeezed': 'STRUCT(
        did VARCHAR, budget VARCHAR, unit VARCHAR, "limit" VARCHAR, spent VARCHAR, held VARCHAR, "left" VARCHAR,
        reserve VARCHAR, needed VARCHAR, before VARCHAR, after VARCHAR)[]'
});
