-- KEYS   lock, state
-- ARGV   tenant, now, late ("1": decided while Redis was away), now as the
--        text that stands in locks, event
-- {1, value, -1}: the lock that was; {0}: there was none; {2, value, PTTL}: a
-- late one, and the lock is newer

-- include soma_lock_value.lua
-- include soma_lock_tell.lua

local v = get()
if not v then
  if changed() < tonumber(ARGV[2]) then change() end
  return {0}
end
if ARGV[3] == '1' then
  local ok, t = pcall(cjson.decode, v)
  if changed() > tonumber(ARGV[2])
     or ok and type(t) == 'table' and type(t.enabled_at) == 'string'
        and t.enabled_at > ARGV[4]
  then
    return {2, v, redis.call('PTTL', KEYS[1])}
  end
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[2], 'ended', v)
tell()
return {1, v, -1}
