-- A second key of the same id.
--
-- KEYS   index
-- ARGV   range of the id, how many members were seen there (0: not looked),
--        the two new members, the two of the old key
-- 1; 0: others came in between

local n = tonumber(ARGV[3])
local l = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2])
if n ~= 0 and #l ~= n then return 0 end
redis.call('ZADD', KEYS[1], 0, ARGV[4], 0, ARGV[5], 0, ARGV[6],
           0, ARGV[7])
return 1
