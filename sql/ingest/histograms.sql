-- Each histogram of a line is a row; left out of the statement where no line has one.
pictures AS (
  INSERT INTO histograms BY NAME
  SELECT
    session_id,
    attempt,
    step,
    epoch,
    histogram.layer AS layer,
    histogram.place AS place,
    histogram.kind AS kind,
    histogram.low AS low,
    histogram.high AS high,
    histogram.mean AS mean,
    histogram.deviation AS deviation,
    histogram.zeros AS zeros,
    histogram.counts AS counts,
    logged_at
  FROM (
    SELECT session_id, attempt, step, epoch, logged_at, unnest(histograms) AS histogram
    FROM lines
    WHERE usable AND k = 'histograms'
  )
  WHERE histogram.layer IS NOT NULL AND histogram.kind IS NOT NULL
),
