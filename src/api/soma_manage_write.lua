-- A key or a tenant is written.
--
-- KEYS   a hash
-- ARGV   must it be there (0 no, 1 yes, 2 either), PEXPIREAT (0: none, -: as
--        it is), "created" if it has none, how many words follow, names and
--        values to set; the rest are names to remove
-- 1; 0: nothing done

local has = redis.call('EXISTS', KEYS[1])
if ARGV[1] ~= '2' and tonumber(ARGV[1]) ~= has then return 0 end
local n = tonumber(ARGV[4])
redis.call('HSETNX', KEYS[1], 'created', ARGV[3])
if n > 0 then redis.call('HSET', KEYS[1], unpack(ARGV, 5, 4 + n)) end
for i = 5 + n, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
if ARGV[2] == '0' then
  redis.call('PERSIST', KEYS[1])
elseif ARGV[2] ~= '-' then
  redis.call('PEXPIREAT', KEYS[1], ARGV[2])
end
return 1
