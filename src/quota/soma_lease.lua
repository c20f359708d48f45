-- Redis' side of leases: soma_lease.h tells what they are.
--
-- KEYS   quotas' hashes, all of one tag
-- ARGV   instance, ttl (ms), sequence, "1" if the connection is new
--        for each key: window (letter), limit, state, ack, need, ahead, held,
--        used, total, since, whole, the edges of calendar windows (4), least
--
-- The answer is nine integers a key: soma_lease_reply_t.
--
-- A quota's hash holds
--
--     whole at spare of     of a bucket: its level, when, the remainder, and
--                           the limit's number then
--     since base            of a window: its start, use of forgotten rows
--     folded                "INSTANCE used;" of the rows in base, newest last
--     mend run hungry       times, and the server's run id
--     n:INSTANCE            seq from held used part exp
--
-- held: leased by the instance, in use or not.  used: by it in the window.
-- part: used since its call "from", which is how a call that is sent again,
-- because its answer was lost, is not counted twice.  exp: when the row dies
-- and what it held is free again.
--
-- Windows come as the edges of those around the node's now, the node knowing
-- the zones of time; Redis' clock says which of them it is.
--
-- Numbers are the script's own kind, exact to 2^53: SOMA_LIMIT_MAX is below.
-- Divisions are by floor with the remainder kept.

local floor, max, min = math.floor, math.max, math.min

-- ms: of rates
local size = { s = 1000, m = 60000, h = 3600000 }

-- where windows end that have no end
local never = 9000000000000000

-- ms: a clock that is behind by no more than that was set back
local skew = 10000

-- when less is left than that many times what all want ahead, it is soon
-- gone: then all have no more ahead than this part of a window's limit
local near = 4
local idle_part = 128

-- of a key; then rows that were dead for so many ms are added to its base,
-- and so many bytes tell of whom they were: of some 300 instances
local rows_max = 64
local fold = 3600000
local folded_max = 8192

-- ms: how long one that starves is remembered
local hungry = 2000

-- ms: how long a key stays that nobody needs
local rest = 3600000

-- fields of one HDEL: unpack() has a bound
local del_max = 100

local t = redis.call('TIME')
local now = t[1] * 1000 + floor(t[2] / 1000)
local me, ttl, seq = 'n:' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local run, reply = nil, {}

if ARGV[4] == '1' then
  local info = redis.pcall('INFO', 'server')
  if type(info) == 'string' then
    run = string.match(info, 'run_id:(%w+)')
  end
end

local function text(n) return string.format('%.0f', n) end

local function row_text(r)
  return text(r.seq) .. ' ' .. text(r.from) .. ' ' .. text(r.held) .. ' '
         .. text(r.used) .. ' ' .. text(r.part) .. ' ' .. text(r.exp)
end

-- the arguments of a key
local function arguments(at)
  local a = { kind = ARGV[at], edge = {} }
  local names = { 'limit', 'state', 'ack', 'need', 'ahead', 'held', 'used',
                  'total', 'since', 'whole' }
  for i = 1, #names do a[names[i]] = tonumber(ARGV[at + i]) end
  for i = 1, 4 do a.edge[i] = tonumber(ARGV[at + #names + i]) end
  a.least = tonumber(ARGV[at + #names + 5])
  a.calendar = a.kind == 'w'
  return a
end

-- a quota: f its fields, rows those of instances (n of them), row ours; set
-- and del are what will be written
local function load(key)
  local q = { key = key, f = {}, rows = {}, n = 0, set = {}, del = {} }
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    local name, value = all[i], all[i + 1]
    if string.sub(name, 1, 2) == 'n:' then
      local a, b, c, d, e, x = string.match(value,
        '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
      if a then
        q.rows[name] = { seq = tonumber(a), from = tonumber(b),
                         held = tonumber(c), used = tonumber(d),
                         part = tonumber(e), exp = tonumber(x) }
        q.n = q.n + 1
      end
    elseif name == 'run' or name == 'folded' then
      q.f[name] = value
    else
      q.f[name] = tonumber(value)
    end
  end
  q.row = q.rows[me]
  q.folded = q.f.folded
  return q
end

local function write(q, name, value)
  q.set[#q.set + 1] = name
  q.set[#q.set + 1] = value
end

local function put(q, name, value)
  write(q, name, text(value))
  q.f[name] = value
end

local function remove(q, name) q.del[#q.del + 1] = name end

-- start and end of the window that holds a moment, or nil
local function window(e, ms)
  for i = 1, 3 do
    if e[i] <= ms and ms < e[i + 1] then return e[i], e[i + 1] end
  end
end

-- Which window it is; a new one begins without rows. False: the node knows
-- no window of now. A clock that was set back does not turn a window back.
local function turn(q, a)
  local f = q.f
  local start, stop = window(a.edge, now)
  if not start then return false end
  if f.since and start < f.since and f.since - now <= skew then
    start, stop = f.since, select(2, window(a.edge, f.since)) or stop
  end
  if f.since and start > f.since then
    for name in pairs(q.rows) do remove(q, name) end
    q.rows, q.row, q.n = {}, nil, 0
    if f.folded then remove(q, 'folded') end
    f.base, f.folded, q.folded = nil, nil, nil
    put(q, 'base', 0)
  end
  if f.since ~= start then put(q, 'since', start) end
  q.start = start
  if stop < never then q.turn = max(1, stop - now) end
  q.turned = a.since ~= 0 and a.since ~= start
  return true
end

-- one that rested so long that its row was added to the base is back
local function unfold(q, a)
  local back = string.match(q.folded, ARGV[1] .. ' (%d+);')
  if back then
    q.row = { seq = a.ack, from = 0, held = 0, used = tonumber(back),
              part = 0, exp = 0 }
    put(q, 'base', (q.f.base or 0) - q.row.used)
    q.folded = string.gsub(q.folded, ARGV[1] .. ' %d+;', '')
  end
end

-- What is new of what we used, and all that we used in the window. What an
-- old window's requests used is the old window's.
local function spent(q, a)
  local row, used = q.row, a.used
  local mine = row and row.used or 0
  q.part = used
  if row and row.from == a.ack then used = max(0, used - row.part) end
  if q.turned then
    used, q.part = 0, 0
  elseif a.calendar and a.since == 0 then
    mine = mine + used
  elseif a.calendar then
    mine = a.total
  end
  q.mine = mine
  return used
end

-- What is left of a rate: it fills with time, up to its limit. With another
-- limit what was spent stays spent.
local function flow(q, a, used)
  local f, span = q.f, size[a.kind]
  local level, spare = f.whole, f.spare or 0
  local of = level and f.of or a.limit
  if not level then
    level = a.state ~= 0 and min(a.limit, a.whole) or a.limit
    f.at = now
  end
  local past = now - (f.at or now)
  if past > 0 then
    local turns = floor(past / span)
    past = past - turns * span
    local r = (of % span) * past + spare
    level = level + turns * of + floor(of / span) * past + floor(r / span)
    spare = r % span
  end
  local at = now
  if past < 0 and past >= -skew then at = f.at end
  if level >= of then level, spare = of, 0 end
  level = level + a.limit - of
  if f.of ~= a.limit then put(q, 'of', a.limit) end
  put(q, 'whole', max(level - used, -never))
  put(q, 'at', at)
  put(q, 'spare', spare)
  return f.whole
end

-- Nobody was heard for as long as a lease lasts: if some held one, it was
-- Redis that was away, and they may have used what they held.
local function silence(q)
  local last = 0
  for _, r in pairs(q.rows) do last = max(last, r.exp - ttl) end
  return last > 0 and now - last > ttl
end

-- The rows of others: how many live, we included, what they hold, what all
-- of them used; true if Redis was away from one that held something.
local function others(q, a)
  local live, held, used, away = 1, 0, 0, false
  local gap = silence(q)
  for name, r in pairs(q.rows) do
    if name ~= me then
      local old = now - r.exp > fold
      if r.exp > now then
        live, held = live + 1, held + r.held
      elseif old and not a.calendar then
        remove(q, name)
      elseif old and q.n > rows_max then
        put(q, 'base', (q.f.base or 0) + r.used)
        q.folded = (q.folded or '') .. string.sub(name, 3) .. ' '
                   .. text(r.used) .. ';'
        r.used = 0
        remove(q, name)
      elseif r.held > 0 then
        away = gap
        r.held = 0
        write(q, name, row_text(r))
      end
      used = used + r.used
    end
  end
  return live, held, used, away
end

-- who is in the base: the oldest are forgotten
local function fold_names(q)
  if q.folded == q.f.folded then return end
  while #q.folded > folded_max do
    q.folded = string.match(q.folded, ';(.*)')
  end
  write(q, 'folded', q.folded)
end

-- Of what is free all that is needed, and ahead of need half of a node's share:
-- who is alone leaves something for one that comes.
local function granted(a, free, live, held)
  local share = floor(free / (2 * live))

  -- nothing flows in again, so half of what is free, again and again, would
  -- be all: it is half of the limit
  if a.kind == 'c' then
    share = min(share, max(0, floor(a.limit / (2 * live)) - held))
  end

  -- what is soon gone may be wanted once, and at once: no time is left for
  -- others to give back what they have ahead
  if a.calendar and a.ahead * live * near > free then
    share = min(share, floor(a.limit / (idle_part * live)))
  end
  local grant = min(free, max(a.need, min(a.need + a.ahead, share)))

  -- a part that serves nobody would only lie there
  return grant < a.least and 0 or grant
end

-- our row, all that changed, and how long the key lives
local function save(q, a, held)
  if a.state == 2 and held == 0 and not a.calendar then
    if q.row then remove(q, me) end
  else
    write(q, me, row_text({ seq = seq, from = a.ack, held = held,
                            used = q.mine, part = q.part, exp = now + ttl }))
  end
  for i = 1, #q.del, del_max do
    redis.call('HDEL', q.key,
               unpack(q.del, i, min(i + del_max - 1, #q.del)))
  end
  if #q.set > 0 then redis.call('HSET', q.key, unpack(q.set)) end
  if a.calendar and q.turn == 0 then
    redis.call('PERSIST', q.key)
  else
    local life = max(q.turn, 2 * (size[a.kind] or 0)) + rest
    redis.call('PEXPIRE', q.key, text(life))
  end
end

local function sync(key, a)
  local q = load(key)
  local f = q.f
  q.start, q.turn, q.turned = 0, 0, false

  -- a call that came late: a newer one was here
  if q.row and q.row.seq >= seq then return 0, 0, 0, 0, 0, 0, 0, 0, now end
  if a.calendar and not turn(q, a) then
    return 0, 0, 0, 0, 0, 0, 0, 4, now
  end
  local held = q.turned and 0 or a.held
  if not q.row and q.folded then unfold(q, a) end
  local lost = a.state ~= 0 and not q.turned
               and (not q.row or q.row.seq < a.ack)
  local used = spent(q, a)
  local whole = size[a.kind] and flow(q, a, used) or a.limit
  local live, lent, theirs, away = others(q, a)
  if a.calendar then whole = whole - theirs - q.mine - (f.base or 0) end
  fold_names(q)

  -- leases that Redis knows nothing of may be out there
  if lost or away or (run and f.run and f.run ~= run) then
    put(q, 'mend', now + ttl)
  end
  if run and f.run ~= run then write(q, 'run', run) end
  local flags, grant, free = 0, 0, whole - lent - held
  if f.mend and f.mend > now and f.mend <= now + ttl then
    flags = 2
  elseif free > 0 then
    grant = granted(a, free, live, held)
  end
  if grant < a.need and lent > 0 then put(q, 'hungry', now) end
  if f.hungry and f.hungry <= now and now - f.hungry < hungry then
    flags = flags + 1
  end
  save(q, a, held + grant)
  return 1, q.start, grant, max(0, free - grant), whole, q.mine, q.turn,
         flags, now
end

for i = 1, #KEYS do
  local r = { sync(KEYS[i], arguments(5 + (i - 1) * 16)) }
  for j = 1, 9 do reply[#reply + 1] = r[j] end
end
return reply
