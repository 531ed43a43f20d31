-- Refused lines of format 1: on record, nothing spent.
INSERT INTO calls
SELECT
    $load, $node, $boot, $number, o,
    call.id, call.opened_us, call.dialect, call.operation, call.provider, call.account, call.model, call.stream,
    call.key_id, call.owner, call.owner_kind, call.team, call.project, call.cost_center, call.purpose, call.policy,
    coalesce(call.session, ''), coalesce(call.agent, ''), coalesce(call.repository, ''), coalesce(call.branch, ''),
    coalesce(call."commit", ''), coalesce(call.work_item, ''), coalesce(call.justification, ''),
    coalesce(call.client, ''), coalesce(call.retry, 0), coalesce(call.fingerprint, ''), coalesce(call.hash_key, ''),
    coalesce(call.tags, MAP {}),
    true, reason, coalesce(rule, ''), coalesce(message, ''),
    call.opened_us, 'refused', status,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    '', '', '', '', '',
    0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    '', false, false,
    0, 0, 0,
    [], coalesce(matched, []),
    0, 0, 0, 0, 0, 0, '', coalesce(call.trace, ''),
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
    'status': 'BIGINT', 'reason': 'VARCHAR', 'rule': 'VARCHAR', 'message': 'VARCHAR', 'matched': 'VARCHAR[]',
    'shadow': 'VARCHAR[]',
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
