-- Categories get a table of their own, and each character refers to one. SQLite adds no foreign key to a table that is
-- there, so that is made anew in twelve steps (lang_altertable.html), and its rows stay. Each category that they use is
-- there before they refer to it, called by its code until somebody knows better.
PRAGMA foreign_keys=OFF;
BEGIN;

CREATE TABLE category(code TEXT PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO category SELECT DISTINCT category, category FROM characters;

CREATE TABLE characters_new(
  code TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  category TEXT NOT NULL REFERENCES category(code),
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
INSERT INTO characters_new SELECT * FROM characters;
DROP TABLE characters;
ALTER TABLE characters_new RENAME TO characters;
CREATE INDEX characters_category ON characters(category);

PRAGMA foreign_key_check;
COMMIT;
