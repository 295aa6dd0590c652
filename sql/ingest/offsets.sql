-- How far into each journal the tables reach: in the same transaction as the rows.
INSERT OR REPLACE INTO journal_offsets BY NAME
SELECT unnest($journals::VARCHAR[]) AS journal, unnest($bytes::BIGINT[]) AS bytes;
