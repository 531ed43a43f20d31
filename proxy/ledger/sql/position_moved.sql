-- The position of a segment, from where it was left.
UPDATE positions
SET loaded_bytes = $bytes, loaded_lines = $lines, load = $load
WHERE node = $node AND boot = $boot AND number = $number AND loaded_bytes = $start;
