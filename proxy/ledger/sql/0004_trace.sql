-- The client's own span around the call (W3C trace context): 'trace id-span id' in hex, '' for none.
ALTER TABLE calls ADD COLUMN trace VARCHAR DEFAULT '';
