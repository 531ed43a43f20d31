-- Told lines of format 1: the first line of each id, of all that ever came.
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
}) AS line
WHERE NOT EXISTS (FROM told WHERE told.id = line.id)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY o) = 1;
