-- Renews leases, and notes what is newly known of them. Answers with those that are not there.
-- KEYS: the tenant's leases.
-- ARGV from 3: lease in ms; then for each lease: id, tokens known.
local now = now_ms()
local missing = {}
for i = 4, #ARGV, 2 do
  local id, known = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', LEASES, id) == 1 then
    redis.call('ZADD', DUE, whole(now + tonumber(ARGV[3])), id)
    if known ~= '0' then redis.call('HSET', KNOWN, id, known) end
  elseif redis.call('EXISTS', lost_key(id)) == 0 then
    table.insert(missing, id)
  end
end
return missing
