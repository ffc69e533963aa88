-- Ideas, and how good they are: the table of the README's examples.
CREATE TABLE idea(title TEXT NOT NULL, score REAL NOT NULL);
