-- The lock's value, or nil. A key of another type locks as well: ''.

local function get()
  local v = redis.pcall('GET', KEYS[1])
  if type(v) == 'table' then v = '' end
  return v
end
