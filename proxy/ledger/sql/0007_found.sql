-- What of a call repeats earlier work: NULL where nothing does. A field is NULL where it is as usual.
ALTER TABLE calls ADD COLUMN found STRUCT(
    class VARCHAR, score BIGINT, flagged BIGINT, campaign VARCHAR, exempted VARCHAR, action VARCHAR, saved_pico BIGINT,
    age_us BIGINT
);
ALTER TABLE calls ADD COLUMN repeats VARCHAR[] DEFAULT [];

-- Calls that were put to a run of redundant ones only after they had ended. A call may be named more than once: the
-- most certain kind counts.
CREATE TABLE attributions (
    campaign             VARCHAR NOT NULL,
    waste_class          VARCHAR NOT NULL,
    at_us                BIGINT NOT NULL,
    call_id              VARCHAR NOT NULL
);
