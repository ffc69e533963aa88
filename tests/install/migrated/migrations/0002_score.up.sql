-- irreversible
ALTER TABLE idea ADD COLUMN score REAL;
