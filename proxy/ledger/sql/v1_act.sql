-- Administrative acts of format 1.
INSERT INTO acts
SELECT id, at_us, actor, kind, subject, coalesce(reason, ''), coalesce(details, MAP {})
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'id': 'VARCHAR', 'at_us': 'BIGINT', 'actor': 'VARCHAR', 'kind': 'VARCHAR', 'subject': 'VARCHAR',
    'reason': 'VARCHAR', 'details': 'MAP(VARCHAR, VARCHAR)'
});
