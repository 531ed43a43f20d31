-- Parts of statements of format 1.
INSERT INTO statements
SELECT id, month, part, parts, sha256, document
FROM read_json($file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {
    'o': 'BIGINT',
    'id': 'VARCHAR', 'month': 'VARCHAR', 'part': 'BIGINT', 'parts': 'BIGINT', 'sha256': 'VARCHAR',
    'document': 'VARCHAR'
});
