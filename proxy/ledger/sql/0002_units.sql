-- What is sold by the second, the character or the piece, and at which quality and size.
ALTER TABLE calls ADD COLUMN input_audio_ms BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN input_characters BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN output_images BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN cost_input_audio_ms BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN cost_input_characters BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN cost_output_images BIGINT DEFAULT 0;
ALTER TABLE calls ADD COLUMN variant VARCHAR DEFAULT '';
