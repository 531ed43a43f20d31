-- Up to which byte the sums of the same statement are true, of the node's segments from one on.
SELECT
    -1 AS kind, []::VARCHAR[] AS dimension_values, boot AS bucket,
    number, loaded_bytes, 0, 0,
    0, 0, 0, 0
FROM positions
WHERE node = $node AND (boot, number) >= ($boot, $number)
