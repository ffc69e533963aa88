-- The same way back. What categories are called is lost; which one a character is of is not.
PRAGMA foreign_keys=OFF;
BEGIN;

CREATE TABLE characters_old(
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
INSERT INTO characters_old SELECT * FROM characters;
DROP TABLE characters;
ALTER TABLE characters_old RENAME TO characters;
CREATE INDEX characters_category ON characters(category);

DROP TABLE category;
COMMIT;
