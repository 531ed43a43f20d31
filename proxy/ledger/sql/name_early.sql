-- Of the calls that a load has named those that aren't on record yet.
INSERT INTO named_early
SELECT DISTINCT call_id
FROM named_apart
WHERE load = $load
    AND call_id NOT IN (SELECT id FROM marked WHERE opened_us >= $first_us AND opened_us <= $last_us)
    AND call_id NOT IN (SELECT id FROM named_early);
