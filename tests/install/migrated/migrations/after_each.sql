INSERT INTO idea(title) VALUES ('after each; "');
