SELECT state, count(*) FROM progress GROUP BY state
