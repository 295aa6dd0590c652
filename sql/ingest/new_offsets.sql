-- How far into journals that are read for the first time the tables reach: in the same transaction as the rows.
INSERT INTO journal_offsets BY NAME
SELECT unnest($journals::VARCHAR[]) AS journal, unnest($bytes::BIGINT[]) AS bytes;
