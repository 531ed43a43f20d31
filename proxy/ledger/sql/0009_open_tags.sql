-- What budgets by tag need to know of calls in flight.
ALTER TABLE open_calls ADD COLUMN tags MAP(VARCHAR, VARCHAR) DEFAULT MAP {};
