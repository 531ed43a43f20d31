-- Opened and carried lines of format 1, of calls that are in flight at the end of the batch.
INSERT INTO open_calls
SELECT
    $node, $boot, $number, o,
    call.id, call.opened_us, call.dialect, call.operation, call.provider, call.account, call.model, call.stream,
    call.key_id, call.owner, call.owner_kind, call.team, call.project, call.cost_center, call.purpose, call.policy,
    coalesce(call.session, ''), coalesce(call.client, ''),
    hold.cost_pico, hold.input_tokens, hold.output_tokens, coalesce(call.tags, MAP {})
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'call': 'STRUCT(
        id VARCHAR, opened_us BIGINT, dialect VARCHAR, operation VARCHAR, provider VARCHAR, account VARCHAR,
        model VARCHAR, stream BOOLEAN, key_id VARCHAR, owner VARCHAR, owner_kind VARCHAR, team VARCHAR,
        project VARCHAR, cost_center VARCHAR, purpose VARCHAR, policy VARCHAR, session VARCHAR, agent VARCHAR,
        repository VARCHAR, branch VARCHAR, "commit" VARCHAR, work_item VARCHAR, justification VARCHAR,
        client VARCHAR, retry BIGINT, fingerprint VARCHAR, hash_key VARCHAR, tags MAP(VARCHAR, VARCHAR),
        trace VARCHAR)',
    'hold': 'STRUCT(cost_pico BIGINT, input_tokens BIGINT, output_tokens BIGINT)'
});
