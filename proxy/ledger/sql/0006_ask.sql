-- What was asked for, as rules weighed it, for replays. NULL: of lines from before, and of calls that were never
-- weighed. A field is NULL where it is as usual.
ALTER TABLE calls ADD COLUMN ask STRUCT(
    hold_pico BIGINT, hold_input BIGINT, hold_output BIGINT, expected BIGINT, input_bytes BIGINT, output_max BIGINT,
    thinking_max BIGINT, unseen BIGINT, choices BIGINT, searches BIGINT, background BIGINT, spoken BIGINT,
    unpriced BIGINT, free BIGINT, unlimitable BIGINT, input_audio BIGINT, input_image BIGINT, output_audio BIGINT,
    output_image BIGINT, input_audio_ms BIGINT, input_characters BIGINT, output_images BIGINT, tier VARCHAR,
    region VARCHAR, speed VARCHAR, variant VARCHAR, sent VARCHAR
);
