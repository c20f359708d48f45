-- A batch of records: all of it is applied, or none.
--
-- KEYS   soma:{t}:applied  soma:{t}:events  days' sums ...  hours' sums ...
-- ARGV   writer  prev  first  last  maxlen  number of sums  number of records
--        index of the first hour in KEYS
--        (index in KEYS, field, increment) of each sum
--        (request id, JSON) of each record
--
-- soma_ship.h says what the reply means.
--
-- A script is not rolled back when one of its commands fails. So types are
-- looked at before the first write, and what can still fail (a sum that is no
-- number, or too large) takes back what was done before it.

-- s, of an hour's sums
local hour_ttl = 3456000

local a = redis.call('HGET', KEYS[1], ARGV[1])
a = tonumber(a or 0)
if not a then
  return redis.error_reply('ERR ' .. KEYS[1] .. ' is not a number')
end

-- somebody was there before, or just asks
if tonumber(ARGV[3]) > tonumber(ARGV[4]) or a ~= tonumber(ARGV[2]) then
  return a
end

for i = 2, #KEYS do
  local t = redis.call('TYPE', KEYS[i]).ok
  if t ~= 'none' and t ~= (i == 2 and 'stream' or 'hash') then
    return redis.error_reply('WRONGTYPE ' .. KEYS[i] .. ' is a ' .. t)
  end
end

local sums, records = tonumber(ARGV[6]), tonumber(ARGV[7])
local at, done, ids, err = 9, 0, {}, nil
for n = 1, sums do
  local r = redis.pcall('HINCRBY', KEYS[tonumber(ARGV[at])],
                        ARGV[at + 1], ARGV[at + 2])
  if type(r) == 'table' and r.err then err = r break end
  at, done = at + 3, n
end

if not err then
  for n = 1, records do
    local r = redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*',
                          'id', ARGV[at], 'usage', ARGV[at + 1])
    if type(r) == 'table' and r.err then err = r break end
    at, ids[n] = at + 2, r
  end
end

if err then
  for n = 1, done do
    local i = 6 + 3 * n
    redis.pcall('HINCRBY', KEYS[tonumber(ARGV[i])],
                ARGV[i + 1], '-' .. ARGV[i + 2])
  end
  for n = 1, #ids do redis.pcall('XDEL', KEYS[2], ids[n]) end
  return err
end

for i = tonumber(ARGV[8]), #KEYS do
  redis.call('EXPIRE', KEYS[i], hour_ttl)
end

redis.call('HSET', KEYS[1], ARGV[1], ARGV[4])
return tonumber(ARGV[4])
