-- Takes what a node has admitted without this server, or what this server has forgotten: unasked.
-- KEYS: the tenant's leases.
-- ARGV from 3: id, nonce, node, lease in ms, tokens told, micro-dollars told, sketch; then for each
-- counter: subject, measure, window, when the window begins, amount.
local id = ARGV[3]
local now = now_ms()
if lease_of(id) or lost_of(id) then return 0 end
-- Of two that were sent, the first may come late: when the lease is closed already.
if not redis.call('SET', prefix .. 'a:' .. ARGV[4], '', 'NX', 'PX', 3600000) then return 0 end

local list = {}
for i = 10, #ARGV, 5 do
  local measure, kind, begin = ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local amount = tonumber(ARGV[i + 4])
  local key = counter(ARGV[i], measure, kind, begin)
  local _, stop = window(kind, begin)
  if keep_ms(kind, stop, now) > 0 then take(key, kind, stop, amount, now) end
  for _, part in ipairs({ key, measure, kind, amount }) do table.insert(list, part) end
end
local lease = { ARGV[4], ARGV[5], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], list }
open(id, lease, now, tonumber(ARGV[6]))
return 1
