INSERT INTO idea(title) VALUES ('before the second');
