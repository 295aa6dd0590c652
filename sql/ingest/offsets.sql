-- How far into journals that were read before the tables reach: in the same transaction as the rows.
UPDATE journal_offsets
SET bytes = map($journals::VARCHAR[], $bytes::BIGINT[])[journal]
WHERE journal IN $journals;
