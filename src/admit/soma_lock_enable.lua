-- KEYS   lock, state
-- ARGV   tenant, now, late ("1": decided while Redis was away), value, event,
--        TTL (ms)
-- {1}: locked; {0, value, PTTL}: another lock is there; {2}: a late one, and
-- something changed since
--
-- The same value again is a second try of a call whose answer was lost.

-- include soma_lock_value.lua
-- include soma_lock_tell.lua

local v = get()
if v == ARGV[4] then return {1} end
if v then return {0, v, redis.call('PTTL', KEYS[1])} end
if ARGV[3] == '1' and changed() > tonumber(ARGV[2]) then
  return {2}
end
redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[6])
redis.call('HDEL', KEYS[2], 'ended')
tell()
return {1}
