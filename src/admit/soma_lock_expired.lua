-- KEYS   lock, state
-- ARGV   tenant, when it ended, "0", value, event
-- {1}: all are told; {0, value, PTTL}: a lock is there; {2}: it was told
-- before, or something changed since

-- include soma_lock_value.lua
-- include soma_lock_tell.lua

local v = get()
if v then return {0, v, redis.call('PTTL', KEYS[1])} end
if redis.call('HGET', KEYS[2], 'ended') == ARGV[4]
   or changed() > tonumber(ARGV[2])
then
  return {2}
end
redis.call('HSET', KEYS[2], 'ended', ARGV[4])
tell()
return {1}
