-- What a load has said of calls and doesn't stand with them.
INSERT INTO named_apart
FROM attributions
WHERE load = $load AND call_id NOT IN (
    SELECT id FROM marked WHERE opened_us >= $first_us AND opened_us <= $last_us AND said.load = $load
);
