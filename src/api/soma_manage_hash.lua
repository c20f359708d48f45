-- KEYS   a hash
-- ARGV   a number, by which the caller knows the answer

return {tonumber(ARGV[1]), redis.pcall('HGETALL', KEYS[1])}
