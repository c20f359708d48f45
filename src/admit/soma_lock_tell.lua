-- When the lock last changed, and that it changes now, which all nodes hear.
-- The tenant's stream is in another slot of a cluster, so it gets the event by
-- a command of its own.

-- ms: how long the state outlives its last change, which is any lock
local state_ttl = 31622400000

local function changed()
  return tonumber(redis.call('HGET', KEYS[2], 'changed') or '0')
end

local function change()
  redis.call('HSET', KEYS[2], 'changed', ARGV[2])
  redis.call('PEXPIRE', KEYS[2], state_ttl)
end

local function tell()
  change()
  redis.call('PUBLISH', 'soma:training', ARGV[5])
  redis.call('PUBLISH', 'soma:changes', 'lock ' .. ARGV[1])
end
