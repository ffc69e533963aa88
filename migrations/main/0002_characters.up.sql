-- The Unicode Character Database: a row for each line of UnicodeData.txt, its fields as they stand there (UAX #44), and
-- the empty text where nothing is said. `tools/dev demo` loads it.
CREATE TABLE characters(
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT NOT NULL,
  combining TEXT NOT NULL,
  bidi TEXT NOT NULL,
  decomposition TEXT NOT NULL,
  decimal TEXT NOT NULL,
  digit TEXT NOT NULL,
  numeric TEXT NOT NULL,
  mirrored TEXT NOT NULL CHECK (mirrored IN ('Y', 'N')),
  unicode1_name TEXT NOT NULL,
  iso_comment TEXT NOT NULL,
  uppercase TEXT NOT NULL,
  lowercase TEXT NOT NULL,
  titlecase TEXT NOT NULL
);

CREATE INDEX characters_category ON characters(category);
