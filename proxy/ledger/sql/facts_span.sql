-- From when to when there are calls on record, and how many begin in a time.
SELECT min(opened_us), max(opened_us), count(*) FILTER (WHERE opened_us >= $since_us AND opened_us < $until_us)
FROM calls;
