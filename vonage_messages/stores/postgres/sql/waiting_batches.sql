SELECT DISTINCT batch FROM {schema}.progress WHERE state = 'pending' AND batch IS NOT NULL ORDER BY batch
