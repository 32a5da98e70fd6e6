-- Closes a request: settles its lease, and adds its row to what has been used.
-- KEYS: the tenant's leases.
-- ARGV from 3: id, nonce (* for whichever, nothing if there is no lease), tokens, micro-dollars, whether it is void;
-- the kind of row (row, lost, or nothing if there is none), project, begin of its minute, hour and day in
-- seconds, when it was in ms, the cell that it belongs to, and its numbers, divided by blanks: requests,
-- tokens read, written, cached, reasoned, micro-dollars, requests without a price.
local id, nonce, kind = ARGV[3], ARGV[4], ARGV[8]
local spent = {
  tokens = tonumber(ARGV[5]), micro_usd = tonumber(ARGV[6]), void = ARGV[7] == '1',
}
local lost = lost_of(id)

local function correct()
  local taken = lost[4]
  for i = 1, #taken, 4 do
    local measure, amount = taken[i + 1], taken[i + 3]
    local by = kept(measure, amount, spent) - kept(measure, amount, lost[3])
    change(taken[i], taken[i + 2], by)
  end
  lost[5] = true
  redis.call('SET', lost_key(id), cmsgpack.pack(lost), 'KEEPTTL')
end

local function numbers_of(text)
  local numbers = {}
  for number in string.gmatch(text, '%d+') do table.insert(numbers, tonumber(number)) end
  return numbers
end

-- How long each step is kept, in seconds.
local KEEP = { m = 2 * 86400, h = 60 * 86400, d = 400 * 86400 }
local ROW_KEEP_MS = 1800000

local function add(to, cell, begins, numbers, sign)
  for step, begin in pairs(begins) do
    local key = to .. step .. ':' .. begin
    local sums = numbers_of(redis.call('HGET', key, cell) or '0 0 0 0 0 0 0')
    for i, number in ipairs(numbers) do
      sums[i] = whole(math.max(0, math.min(MOST, sums[i] + sign * number)))
    end
    if sums[1] == '0' then
      redis.call('HDEL', key, cell)
    else
      redis.call('HSET', key, cell, table.concat(sums, ' '))
    end
    if redis.call('ZADD', to .. 'i:' .. step, begin, begin) == 1 then
      local now = math.floor(now_ms() / 1000)
      redis.call('PEXPIRE', key, whole(KEEP[step] * 1000))
      redis.call('ZREMRANGEBYSCORE', to .. 'i:' .. step, '-inf', whole(now - KEEP[step] - 86400))
    end
  end
end

local function roll_up()
  local to = prefix .. 'u:' .. ARGV[9] .. ':'
  local begins = { m = ARGV[10], h = ARGV[11], d = ARGV[12] }
  local cell, numbers = ARGV[14], numbers_of(ARGV[15])
  local rows = to .. 'r:' .. begins.m
  local known = redis.call('HGET', rows, id)
  if known then
    known = cmsgpack.unpack(known)
    if known[1] ~= 'lost' or kind ~= 'row' then return end
    add(to, known[3], begins, numbers_of(known[4]), -1)
  elseif kind == 'row' and lost and not redis.call('ZSCORE', UNBOOKED, id) then
    -- What was lost has been written long ago, and is not known any more.
    return
  end
  redis.call('HSET', rows, id, cmsgpack.pack({ kind, ARGV[13], cell, ARGV[15] }))
  redis.call('PEXPIRE', rows, ROW_KEEP_MS)
  redis.call('SADD', prefix .. 'projects', ARGV[9])
  add(to, cell, begins, numbers, 1)
end

if kind ~= '' then roll_up() end
if nonce ~= '' then
  local lease = lease_of(id)
  if lease and (nonce == '*' or lease[1] == nonce) then
    settle(lease[6], spent)
    forget(id)
  elseif lost and not lost[5] then
    correct()
    redis.call('ZREM', UNBOOKED, id)
  end
end
return 1
