-- Attributed lines of format 1: a row for each call.
INSERT INTO attributions
SELECT campaign, waste_class, at_us, unnest(call_ids), $load
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'campaign': 'VARCHAR', 'waste_class': 'VARCHAR', 'at_us': 'BIGINT', 'call_ids': 'VARCHAR[]'
});
