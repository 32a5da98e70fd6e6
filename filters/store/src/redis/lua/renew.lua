-- Renews leases, and notes what is newly known of them. Answers with those that are not there.
-- KEYS: the tenant's leases.
-- ARGV from 3: lease in ms; then for each lease: id, tokens known, what they cost in micro-dollars, and the
-- row to be booked if it is lost; all three are empty where nothing is known.
local now = now_ms()
local missing = {}
for i = 4, #ARGV, 4 do
  local id, tokens = ARGV[i], ARGV[i + 1]
  local is_there = redis.call('HEXISTS', LEASES, id) == 1
  if is_there then
    redis.call('ZADD', DUE, whole(now + tonumber(ARGV[3])), id)
  elseif redis.call('EXISTS', lost_key(id)) == 0 then
    table.insert(missing, id)
  end
  if is_there and tokens ~= '' then
    local lease = lease_of(id)
    lease[4], lease[5] = tonumber(ARGV[i + 2]), ARGV[i + 3]
    redis.call('HSET', LEASES, id, cmsgpack.pack(lease))
    redis.call('HSET', KNOWN, id, tokens)
  end
end
return missing
