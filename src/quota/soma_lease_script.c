
/*
 * Copyright (C) The ngx_soma authors
 *
 * Redis' side of leases.  A quota's hash holds
 *
 *     whole at spare of     of a bucket: its level, when, the remainder, and
 *                           the limit's number then
 *     since base            of a window: its start, use of forgotten rows
 *     folded                "INSTANCE used;" of the rows in base, newest last
 *     mend run hungry       times, and the server's run id
 *     n:INSTANCE            seq from held used part exp
 *
 * held: leased by the instance, in use or not.  used: by it in the window.
 * part: used since its call "from", which is how a call that is sent again,
 * because its answer was lost, is not counted twice.  exp: when the row dies
 * and what it held is free again.
 *
 * Windows come as the edges of those around the node's now, the node knowing
 * the zones of time; Redis' clock says which of them it is.
 *
 * Numbers are the script's own kind, exact to 2^53: SOMA_LIMIT_MAX is below.
 * Divisions are by floor with the remainder kept.
 */


#include "soma_lease.h"


const char soma_lease_script[] =
    "local floor, max, min = math.floor, math.max, math.min\n"
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + floor(t[2] / 1000)\n"
    "local me, ttl, seq = 'n:' .. ARGV[1], tonumber(ARGV[2]),"
    " tonumber(ARGV[3])\n"
    "local skew, never = 10000, 9000000000000000\n"
    "local size = { s = 1000, m = 60000, h = 3600000 }\n"
    "local run, reply = nil, {}\n"

    "if ARGV[4] == '1' then\n"
    "  local info = redis.pcall('INFO', 'server')\n"
    "  if type(info) == 'string' then\n"
    "    run = string.match(info, 'run_id:(%w+)')\n"
    "  end\n"
    "end\n"

    "local function text(n) return string.format('%.0f', n) end\n"

    /* start and end of the window that holds a moment, or nil */
    "local function window(e, ms)\n"
    "  for i = 1, 3 do\n"
    "    if e[i] <= ms and ms < e[i + 1] then return e[i], e[i + 1] end\n"
    "  end\n"
    "end\n"

    "local function load(key)\n"
    "  local f, rows, n = {}, {}, 0\n"
    "  local all = redis.call('HGETALL', key)\n"
    "  for i = 1, #all, 2 do\n"
    "    if string.sub(all[i], 1, 2) == 'n:' then\n"
    "      local a, b, c, d, e, x = string.match(all[i + 1],"
    " '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')\n"
    "      if a then\n"
    "        rows[all[i]] = { seq = tonumber(a), from = tonumber(b),"
    " held = tonumber(c), used = tonumber(d), part = tonumber(e),"
    " exp = tonumber(x) }\n"
    "        n = n + 1\n"
    "      end\n"
    "    elseif all[i] == 'run' or all[i] == 'folded' then\n"
    "      f[all[i]] = all[i + 1]\n"
    "    else f[all[i]] = tonumber(all[i + 1]) end\n"
    "  end\n"
    "  return f, rows, n\n"
    "end\n"

    "local function sync(key, at)\n"
    "  local kind = ARGV[at]\n"
    "  local a = {}\n"
    "  for i = 1, 15 do a[i] = tonumber(ARGV[at + i]) end\n"
    "  local limit, state, ack, need, ahead, held, used, total, since, whole"
    " = a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10]\n"
    "  local f, rows, n = load(key)\n"
    "  local row = rows[me]\n"
    "  if row and row.seq >= seq then return 0, 0, 0, 0, 0, 0, 0, 0, now end\n"
    "  local set, del = {}, {}\n"
    "  local function put(name, value)\n"
    "    set[#set + 1] = name\n"
    "    set[#set + 1] = text(value)\n"
    "    f[name] = value\n"
    "  end\n"
    "  local calendar = kind == 'w'\n"
    "  local start, turn, turned, stop = 0, 0, false, nil\n"

    /* a clock that was set back does not turn a window back */
    "  if calendar then\n"
    "    local e = { a[11], a[12], a[13], a[14] }\n"
    "    start, stop = window(e, now)\n"
    "    if not start then return 0, 0, 0, 0, 0, 0, 0, 4, now end\n"
    "    if f.since and start < f.since and f.since - now <= skew then\n"
    "      start, stop = f.since, select(2, window(e, f.since)) or stop\n"
    "    end\n"
    "    if f.since and start > f.since then\n"
    "      for name in pairs(rows) do del[#del + 1] = name end\n"
    "      rows, row, n = {}, nil, 0\n"
    "      if f.folded then del[#del + 1] = 'folded' end\n"
    "      f.base, f.folded = nil, nil\n"
    "      put('base', 0)\n"
    "    end\n"
    "    if f.since ~= start then put('since', start) end\n"
    "    if stop < never then turn = max(1, stop - now) end\n"
    "    turned = since ~= 0 and since ~= start\n"
    "    if turned then held = 0 end\n"
    "  end\n"

    /* one that rested so long that its row was added to the base is back */
    "  local folded = f.folded\n"
    "  if not row and folded then\n"
    "    local back = string.match(folded, ARGV[1] .. ' (%d+);')\n"
    "    if back then\n"
    "      row = { seq = ack, from = 0, held = 0, used = tonumber(back),"
    " part = 0, exp = 0 }\n"
    "      put('base', (f.base or 0) - row.used)\n"
    "      folded = string.gsub(folded, ARGV[1] .. ' %d+;', '')\n"
    "    end\n"
    "  end\n"

    "  local lost = state ~= 0 and not turned"
    " and (not row or row.seq < ack)\n"
    "  local part = used\n"
    "  if row and row.from == ack then used = max(0, used - row.part) end\n"
    "  local mine = row and row.used or 0\n"
    "  if turned then used, part = 0, 0\n"
    "  elseif calendar then\n"
    "    if since == 0 then mine = mine + used else mine = total end\n"
    "  end\n"

    "  if size[kind] then\n"
    "    local span, level, spare = size[kind], f.whole, f.spare or 0\n"
    "    local of = level and f.of or limit\n"
    "    if not level then\n"
    "      level = state ~= 0 and min(limit, whole) or limit\n"
    "      f.at = now\n"
    "    end\n"
    "    local past = now - (f.at or now)\n"
    "    if past > 0 then\n"
    "      local turns = floor(past / span)\n"
    "      past = past - turns * span\n"
    "      local r = (of % span) * past + spare\n"
    "      level = level + turns * of + floor(of / span) * past"
    " + floor(r / span)\n"
    "      spare = r % span\n"
    "    end\n"
    "    if past < 0 and past >= -skew then past = f.at\n"
    "    else past = now end\n"
    "    if level >= of then level, spare = of, 0 end\n"

    /* another number: what was spent stays spent */
    "    level = level + limit - of\n"
    "    if f.of ~= limit then put('of', limit) end\n"
    "    whole = max(level - used, -9e15)\n"
    "    put('whole', whole)\n"
    "    put('at', past)\n"
    "    put('spare', spare)\n"
    "  else whole = limit end\n"

    /*
     * Nobody was heard for as long as a lease lasts, and some held one: it
     * was Redis that was away, and they may have used what they held.
     */
    "  local last, gap, away = 0, false, false\n"
    "  for _, r in pairs(rows) do last = max(last, r.exp - ttl) end\n"
    "  gap = last > 0 and now - last > ttl\n"

    "  local live, others = 1, 0\n"
    "  for name, r in pairs(rows) do\n"
    "    if name ~= me then\n"
    "      if r.exp > now then\n"
    "        live, others = live + 1, others + r.held\n"
    "      elseif not calendar and now - r.exp > " SOMA_LEASE_FOLD_MS
    " then\n"
    "        del[#del + 1] = name\n"
    "      elseif calendar and n > " SOMA_LEASE_ROWS_MAX
    " and now - r.exp > " SOMA_LEASE_FOLD_MS " then\n"
    "        put('base', (f.base or 0) + r.used)\n"
    "        folded = (folded or '') .. string.sub(name, 3) .. ' '"
    " .. text(r.used) .. ';'\n"
    "        r.used = 0\n"
    "        del[#del + 1] = name\n"
    "      elseif r.held > 0 then\n"
    "        away = gap\n"
    "        set[#set + 1] = name\n"
    "        set[#set + 1] = text(r.seq) .. ' ' .. text(r.from) .. ' 0 '"
    " .. text(r.used) .. ' ' .. text(r.part) .. ' ' .. text(r.exp)\n"
    "      end\n"
    "      if calendar then whole = whole - r.used end\n"
    "    end\n"
    "  end\n"
    "  if calendar then whole = whole - mine - (f.base or 0) end\n"

    "  if folded ~= f.folded then\n"
    "    while #folded > " SOMA_LEASE_FOLDED_MAX " do\n"
    "      folded = string.match(folded, ';(.*)')\n"
    "    end\n"
    "    set[#set + 1] = 'folded'\n"
    "    set[#set + 1] = folded\n"
    "  end\n"

    /* leases that Redis knows nothing of may be out there */
    "  if lost or away or (run and f.run and f.run ~= run) then\n"
    "    put('mend', now + ttl)\n"
    "  end\n"
    "  if run and f.run ~= run then\n"
    "    set[#set + 1] = 'run'\n"
    "    set[#set + 1] = run\n"
    "  end\n"
    "  local flags, free, grant = 0, whole - others - held, 0\n"
    "  if f.mend and f.mend > now and f.mend <= now + ttl then\n"
    "    flags = 2\n"
    "  elseif free > 0 then\n"
    "    local share = live > 1 and floor(free / (2 * live)) or free\n"

    /* what is soon gone may be wanted once, and at once: no time is left for
     * others to give back what they have ahead */

    "    if calendar and ahead * live * " SOMA_LEASE_NEAR " > free then\n"
    "      share = min(share, floor(limit / (" SOMA_LEASE_IDLE_PART
    " * live)))\n"
    "    end\n"
    "    grant = min(free, max(need, min(need + ahead, share)))\n"

    /* a part that serves nobody would only lie there */
    "    if grant < a[15] then grant = 0 end\n"
    "  end\n"
    "  if grant < need and others > 0 then put('hungry', now) end\n"
    "  if f.hungry and f.hungry <= now and now - f.hungry < 2000 then\n"
    "    flags = flags + 1\n"
    "  end\n"

    "  held = held + grant\n"
    "  if state == 2 and held == 0 and not calendar then\n"
    "    if row then del[#del + 1] = me end\n"
    "  else\n"
    "    set[#set + 1] = me\n"
    "    set[#set + 1] = text(seq) .. ' ' .. text(ack) .. ' ' .. text(held)"
    " .. ' ' .. text(mine) .. ' ' .. text(part) .. ' ' .. text(now + ttl)\n"
    "  end\n"
    "  for i = 1, #del, 100 do\n"
    "    redis.call('HDEL', key, unpack(del, i, min(i + 99, #del)))\n"
    "  end\n"
    "  if #set > 0 then redis.call('HSET', key, unpack(set)) end\n"
    "  if calendar and turn == 0 then redis.call('PERSIST', key)\n"
    "  else redis.call('PEXPIRE', key, text(max(turn,"
    " 2 * (size[kind] or 0)) + 3600000)) end\n"
    "  return 1, start, grant, max(0, free - grant), whole, mine, turn,"
    " flags, now\n"
    "end\n"

    "for i = 1, #KEYS do\n"
    "  local r = { sync(KEYS[i], 5 + (i - 1) * 16) }\n"
    "  for j = 1, 9 do reply[#reply + 1] = r[j] end\n"
    "end\n"
    "return reply\n";
