-- Books what was lost, and hands out the rows that are to be written of it: each to one node, and to
-- another when that has not said in time that it has.
-- KEYS: the tenant's leases.
-- ARGV from 3: node, how many at most, how long to wait for the node in ms.
local now = now_ms()
sweep(ARGV[3], tonumber(ARGV[4]), now)

local answer = {}
local found = redis.call('ZRANGEBYSCORE', UNBOOKED, '-inf', whole(now), 'LIMIT', 0, ARGV[4])
for _, id in ipairs(found) do
  local lost = lost_of(id)
  if lost and not lost[5] then
    redis.call('ZADD', UNBOOKED, whole(now + tonumber(ARGV[5])), id)
    for _, part in ipairs({ id, lost[1], whole(lost[2]) }) do table.insert(answer, part) end
  else
    redis.call('ZREM', UNBOOKED, id)
  end
end
return answer
