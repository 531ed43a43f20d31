-- What rules in shadow mode would have done to a call.
ALTER TABLE calls ADD COLUMN shadow VARCHAR[] DEFAULT [];
