-- Told lines of format 1.
INSERT INTO told
SELECT
    $load, $node, $boot, $number, o,
    id, at_us, source, delivery, kind, occurred_us, trust, coalesce(payload, ''), coalesce(clamped, false),
    coalesce(imported, false), coalesce(quarantine, ''), coalesce(facts, MAP {})
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'id': 'VARCHAR', 'at_us': 'BIGINT', 'source': 'VARCHAR', 'delivery': 'VARCHAR', 'kind': 'VARCHAR',
    'occurred_us': 'BIGINT', 'trust': 'VARCHAR', 'payload': 'VARCHAR', 'clamped': 'BOOLEAN', 'imported': 'BOOLEAN',
    'quarantine': 'VARCHAR', 'facts': 'MAP(VARCHAR, VARCHAR)'
});
