-- KEYS   lock, state
-- {0}, or {1, value, PTTL}
--
-- A value that comes again (set by hand, always the same) may end again.

-- include soma_lock_value.lua

local v = get()
if not v then return {0} end
if redis.call('HGET', KEYS[2], 'ended') == v then
  redis.call('HDEL', KEYS[2], 'ended')
end
return {1, v, redis.call('PTTL', KEYS[1])}
