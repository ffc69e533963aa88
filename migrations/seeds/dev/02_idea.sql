-- Some ideas to begin with. Nothing about them is unique, so what is there is looked for.
WITH fresh(title, score) AS (VALUES
  ('Solar kettle', 8.5),
  ('Wind bell', 6.0),
  ('Umbrella for dogs', 4.2))
INSERT INTO idea(title, score)
SELECT title, score FROM fresh WHERE title NOT IN (SELECT title FROM idea);
