-- What budgets did to a call for want of room, with their numbers at that moment. Amounts are decimal text: limits may
-- be wider than any number here.
ALTER TABLE calls ADD COLUMN squeezed STRUCT(
    did VARCHAR, budget VARCHAR, unit VARCHAR, "limit" VARCHAR, spent VARCHAR, held VARCHAR, "left" VARCHAR,
    reserve VARCHAR, needed VARCHAR, before VARCHAR, after VARCHAR
)[] DEFAULT [];
