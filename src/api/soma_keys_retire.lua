-- A key that was rotated ends.
--
-- KEYS   the old key
-- ARGV   now, when it ends, when Redis drops it (0: at once)
-- 1; 0: it is gone, or was rotated meanwhile

if redis.call('HEXISTS', KEYS[1], 'tenant') == 0
   or redis.call('HEXISTS', KEYS[1], 'rotated') == 1
then return 0 end
if ARGV[3] == '0' then redis.call('DEL', KEYS[1]) return 1 end
redis.call('HSET', KEYS[1], 'rotated', ARGV[1], 'expires', ARGV[2])
redis.call('PEXPIREAT', KEYS[1], ARGV[3])
return 1
