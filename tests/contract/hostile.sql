-- What `runyard sql` must refuse, one statement a line: EXIT-CODE | a word of the message | statement.
-- @FILE is a file outside the yard that holds a secret, @NEW a path outside that must not come into being,
-- @STORE is the store itself.

-- Reading files
1 | refused | SELECT * FROM read_text('@FILE')
1 | refused | SELECT * FROM read_blob('@FILE')
1 | refused | FROM read_csv('@FILE')
1 | refused | FROM '@FILE.csv'
1 | refused | FROM '@FILE.parquet'
1 | refused | FROM read_parquet('http://127.0.0.1:9/x.parquet')
1 | refused | FROM read_json('@FILE')
1 | refused | FROM glob('/*')
1 | refused | FROM sniff_csv('@FILE')
1 | refused | FROM parquet_metadata('@FILE')
1 | refused | FROM read_duckdb('@STORE')
1 | refused | FROM duckdb_secrets()
2 | failed | SELECT getenv('HOME')
2 | failed | FROM sqlite_scan('@FILE', 'x')
2 | failed | FROM request
2 | failed | FROM arrow_scan(0::BIGINT, 0::BIGINT, 0::BIGINT)

-- Writing files
1 | COPY | COPY runs TO '@NEW'
1 | COPY | COPY (SELECT 1) TO '@NEW' (FORMAT parquet)
1 | COPY | COPY runs FROM '@FILE'
1 | EXPORT | EXPORT DATABASE '@NEW'
2 | failed | SELECT * FROM query('COPY runs TO ''@NEW''')

-- Attaching, installing, settings
1 | ATTACH | ATTACH '@NEW'
1 | ATTACH | ATTACH '@STORE' AS store
1 | refused | DETACH live
1 | refused | USE memory
1 | LOAD | INSTALL httpfs
1 | LOAD | LOAD '@FILE'
1 | SET | SET memory_limit = '100GB'
1 | SET | SET enable_external_access = true
1 | refused | RESET lock_configuration
1 | SET | PRAGMA enable_profiling = 'json'
1 | PRAGMA | PRAGMA database_list
1 | refused | CALL enable_logging()
1 | SET | SET VARIABLE x = 1
1 | refused | PREPARE p AS SELECT 1
1 | refused | BEGIN
1 | refused | CHECKPOINT
1 | refused | EXPLAIN ANALYZE DELETE FROM runs
1 | without ANALYZE | EXPLAIN ANALYZE SELECT 1
1 | without ANALYZE | EXPLAIN (ANALYZE) SELECT 1
1 | without ANALYZE | EXPLAIN DELETE FROM runs
1 | without ANALYZE | EXPLAIN COPY runs TO '@NEW'
1 | without ANALYZE | EXPLAIN SET memory_limit = '100GB'
1 | refused | EXPLAIN FROM read_csv('@FILE')
1 | 2 statements | EXPLAIN SELECT 1; DELETE FROM runs
1 | read-only | EXPLAIN WITH gone AS (DELETE FROM runs RETURNING id) FROM gone

-- Changing what is there
1 | INSERT | INSERT INTO runs (id) VALUES (uuid())
1 | read-only | WITH new AS (INSERT INTO runs (id) VALUES (uuid()) RETURNING id) SELECT * FROM new
1 | read-only | WITH gone AS (DELETE FROM runs RETURNING id) SELECT * FROM gone
1 | DELETE | DELETE FROM runs
1 | UPDATE | UPDATE runs SET name = 'x'
1 | DROP | DROP TABLE runs
1 | DROP | DROP VIEW epochs
1 | CREATE | CREATE TABLE x (a INTEGER)
1 | CREATE | CREATE TEMP TABLE x AS SELECT 1
1 | CREATE | CREATE OR REPLACE VIEW runs AS SELECT 1
1 | CREATE | CREATE MACRO f(a) AS a
1 | ALTER | ALTER TABLE runs ADD COLUMN x INTEGER
1 | 2 statements | SELECT 1; DROP TABLE runs
2 | failed | SELECT * FROM query('DROP TABLE runs')
1 | PIVOT | PIVOT runs ON status

-- Memory
1 | 512 MB | SELECT repeat('a', 4000000000)
1 | 512 MB | SELECT list(x) FROM range(1000000000) AS t(x)
1 | 512 MB | SELECT string_agg(repeat('a', 1000000)) FROM range(100000)
1 | 256 MB | SELECT x, repeat('a', 100000) FROM range(1000000) AS t(x)

-- Time
1 | longer than | SELECT count(*) FROM range(100000000000) AS a, range(1000000) AS b
1 | longer than | WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t
1 | longer than | SELECT sum(length(repeat('a', 100000000) || x)) FROM range(1000000) AS t(x)

-- Not understood
2 | no statement | -- a comment
2 | failed | SELEC 1
2 | failed | FROM no_such_table
2 | failed | SELECT no_such_column FROM runs
