-- An id for a new key, if nobody has it.
--
-- KEYS   index
-- ARGV   range of the id, the two members
-- 1, or a member that has the id already

local l = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2],
                     'LIMIT', 0, 1)
if l[1] then return l[1] end
redis.call('ZADD', KEYS[1], 0, ARGV[3], 0, ARGV[4])
return 1
