-- Which load brought a word on earlier calls: a report reads all of one state of the ledger.
ALTER TABLE attributions ADD COLUMN load BIGINT DEFAULT 0;
