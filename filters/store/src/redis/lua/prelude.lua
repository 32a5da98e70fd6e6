-- What all scripts begin with. ARGV[1] is what the tenant's keys begin with, ARGV[2] the time in
-- milliseconds where it is not to be this server's.
--
-- A counter is a string at c:<subject>:<measure><window>:<begin>, where the measure is one of
-- r(equests), f (in flight), t(okens), u (micro-dollars), the window one of m(inute), d(ay), M(onth),
-- l(ife), and the begin in Unix seconds.
--
-- A lease is {nonce, node, tokens told, micro-dollars told, sketch, taken} at `leases`, in order of expiry
-- at `due`, with the tokens known since at `known`. What it has taken is a list of four for each counter:
-- its key without the prefix, its measure, its window, the amount.
if #KEYS == 0 then return end

local prefix = ARGV[1]
local LEASES, DUE, KNOWN = prefix .. 'leases', prefix .. 'due', prefix .. 'known'
local UNBOOKED = prefix .. 'unbooked'
local MOST = 9007199254740991
local DAY_MS = 86400000

local function now_ms()
  if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function whole(number)
  return string.format('%.0f', number)
end

-- The year (counted from March) and the month of a day since the epoch; Hinnant's algorithm.
local function month_of(day)
  day = day + 719468
  local era = math.floor(day / 146097)
  local of_era = day % 146097
  local year_of_era = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
    - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year_of_era + math.floor(year_of_era / 4)
    - math.floor(year_of_era / 100))
  local from_march = math.floor((5 * of_year + 2) / 153)
  return era * 400 + year_of_era, from_march
end

local function first_day(year, from_march)
  if from_march >= 12 then year, from_march = year + 1, from_march - 12 end
  local era, of_era = math.floor(year / 400), year % 400
  local of_year = math.floor((153 * from_march + 2) / 5)
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100)
    + of_year - 719468
end

-- Begin and end of the window of a time, all in seconds; a life has no end.
local function window(kind, at)
  if kind == 'm' then return at - at % 60, at - at % 60 + 60 end
  if kind == 'd' then return at - at % 86400, at - at % 86400 + 86400 end
  if kind == 'l' then return 0, nil end
  local year, month = month_of(math.floor(at / 86400))
  return first_day(year, month) * 86400, first_day(year, month + 1) * 86400
end

-- How long a counter is kept: late settlements still find it. A life is kept for a day after its last use.
local function keep_ms(kind, stop, now)
  if kind == 'l' then return DAY_MS end
  return stop * 1000 - now + (kind == 'm' and 3600000 or DAY_MS)
end

local function counter(subject, measure, kind, begin)
  return 'c:' .. subject .. ':' .. measure .. kind .. ':' .. whole(begin)
end

-- What nodes hold of a counter for when this server is away. It is no part of the counter.
local function held_key(key)
  return 'h:' .. key
end

local function used_of(key)
  return tonumber(redis.call('GET', prefix .. key) or 0)
end

local function take(key, kind, stop, amount, now)
  local used = redis.call('INCRBY', prefix .. key, whole(amount))
  if kind == 'l' or used == amount then
    redis.call('PEXPIRE', prefix .. key, whole(keep_ms(kind, stop, now)))
  end
end

-- What has expired is not begun anew.
local function change(key, kind, by)
  local used = by ~= 0 and redis.call('GET', prefix .. key)
  if not used then return end
  local to = math.max(0, math.min(MOST, tonumber(used) + by))
  redis.call('SET', prefix .. key, whole(to), 'KEEPTTL')
  if kind == 'l' then redis.call('PEXPIRE', prefix .. key, DAY_MS) end
end

-- What stays counted of what was taken.
local function kept(measure, amount, spent)
  if spent.void or measure == 'f' then return 0 end
  if measure == 'r' then return amount end
  return measure == 't' and spent.tokens or spent.micro_usd
end

local function settle(taken, spent)
  for i = 1, #taken, 4 do
    local measure, amount = taken[i + 1], taken[i + 3]
    change(taken[i], taken[i + 2], kept(measure, amount, spent) - amount)
  end
end

local function lease_of(id)
  local packed = redis.call('HGET', LEASES, id)
  return packed and cmsgpack.unpack(packed)
end

local function open(id, lease, now, lease_ms)
  redis.call('HSET', LEASES, id, cmsgpack.pack(lease))
  redis.call('ZADD', DUE, whole(now + lease_ms), id)
end

local function forget(id)
  redis.call('HDEL', LEASES, id)
  redis.call('HDEL', KNOWN, id)
  redis.call('ZREM', DUE, id)
end

-- A lease that was lost is kept for a day as {sketch, tokens known, booked, taken, corrected}: whoever
-- settles it after all corrects what was booked.
local function lost_key(id)
  return prefix .. 'w:' .. id
end

local function lost_of(id)
  local packed = redis.call('GET', lost_key(id))
  return packed and cmsgpack.unpack(packed)
end

-- Books leases as lost that were not renewed in time, and notes them for whoever writes their rows. A
-- node's own are its own affair.
local function sweep(node, most, now)
  local found = redis.call('ZRANGEBYSCORE', DUE, '-inf', whole(now), 'LIMIT', 0, most)
  local swept = 0
  for _, id in ipairs(found) do
    local lease = lease_of(id)
    if not lease then
      redis.call('ZREM', DUE, id)
    elseif lease[2] ~= node then
      local known = tonumber(redis.call('HGET', KNOWN, id) or 0)
      local spent = { tokens = known == 0 and lease[3] or known, micro_usd = lease[4] }
      settle(lease[6], spent)
      forget(id)
      -- What was only held has no row.
      if lease[5] ~= '' then
        local lost = cmsgpack.pack({ lease[5], known, spent, lease[6], false })
        redis.call('SET', lost_key(id), lost, 'PX', DAY_MS)
        redis.call('ZADD', UNBOOKED, whole(now), id)
      end
      swept = swept + 1
    end
  end
  return swept
end
