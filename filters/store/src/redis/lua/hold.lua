-- Lets a node hold a little of a counter that has plenty left, for when this server is away.
-- KEYS: the tenant's leases.
-- ARGV from 3: id, nonce, node, lease in ms, subject, measure, window, begin, limit, amount, how much must
-- be left.
local id, now = ARGV[3], now_ms()
local measure, kind, begin = ARGV[8], ARGV[9], tonumber(ARGV[10])
local amount = tonumber(ARGV[12])
local from, stop = window(kind, math.floor(now / 1000))
local key = counter(ARGV[7], measure, kind, begin)
local held = held_key(key)
if from ~= begin or lease_of(id) then return 0 end
if tonumber(ARGV[11]) - used_of(key) - used_of(held) < tonumber(ARGV[13]) then return 0 end

-- Like a place in flight, it is given back whole.
take(held, kind, stop, amount, now)
open(id, { ARGV[4], ARGV[5], 0, 0, '', { held, 'f', kind, amount } }, now, tonumber(ARGV[6]))
return 1
