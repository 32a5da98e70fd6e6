-- Takes everything that a request asks for, or nothing.
-- KEYS: the tenant's leases; what is there if this attempt was cancelled before it came.
-- ARGV from 3: id, nonce, node, lease in ms, whether to sweep, tokens told, micro-dollars told, sketch;
-- then for each demand: subject, measure, window, limit, amount.
local FIRST = 11
local id, nonce, node = ARGV[3], ARGV[4], ARGV[5]
local now = now_ms()
local at = math.floor(now / 1000)

if redis.call('EXISTS', KEYS[2]) == 1 then return { 'cancelled', now } end

-- What each counter would come to, or which has no room.
local function room(is_taken)
  local before, taken, answer = {}, {}, { 'granted', now }
  for i = FIRST, #ARGV, 5 do
    local measure, kind = ARGV[i + 1], ARGV[i + 2]
    local limit, amount = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
    local begin, stop = window(kind, at)
    local key = counter(ARGV[i], measure, kind, begin)
    local used = used_of(key) + (before[key] or 0)
    if is_taken then
      table.insert(answer, used)
    elseif used + math.max(1, amount) > limit then
      -- To ask for nothing is to ask whether it is full.
      return { 'full', now, (i - FIRST) / 5, used }
    elseif amount > 0 and (measure == 't' or measure == 'u')
      and used + amount + used_of(held_key(key)) > limit then
      -- Nodes hold what is left: they are asked to give it back, and then this is asked again.
      redis.call('PUBLISH', 'behest:recall', prefix .. key)
      return { 'held', now, (i - FIRST) / 5, used + used_of(held_key(key)) }
    else
      before[key] = (before[key] or 0) + amount
      table.insert(answer, used + amount)
      table.insert(taken, { key, measure, kind, amount, stop })
    end
  end
  return answer, taken
end

local lease = lease_of(id)
if lease then
  -- The answer to the first try was lost on its way.
  if lease[1] == nonce then return (room(true)) end
  return { 'open', now }
end

local answer, taken = room(false)
if not taken and ARGV[7] == '1' and sweep(node, 16, now) > 0 then
  answer, taken = room(false)
end
if not taken then return answer end

local list = {}
for _, one in ipairs(taken) do
  take(one[1], one[3], one[5], one[4], now)
  for part = 1, 4 do table.insert(list, one[part]) end
end
local told = { tonumber(ARGV[8]), tonumber(ARGV[9]) }
open(id, { nonce, node, told[1], told[2], ARGV[10], list }, now, tonumber(ARGV[6]))
return answer
