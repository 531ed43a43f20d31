-- The first position of a segment; no row where there is one already.
INSERT INTO positions
SELECT $node, $boot, $number, $bytes, $lines, $load
WHERE NOT EXISTS (SELECT 1 FROM positions WHERE node = $node AND boot = $boot AND number = $number);
