-- Sets counters to what is known to have been used, where they have come to less.
-- KEYS: the tenant's leases.
-- ARGV from 3: a time in the windows, in seconds; then for each counter: subject, measure, window, amount.
local now, at = now_ms(), tonumber(ARGV[3])
for i = 4, #ARGV, 4 do
  local kind, amount = ARGV[i + 2], tonumber(ARGV[i + 3])
  local begin, stop = window(kind, at)
  local key = counter(ARGV[i], ARGV[i + 1], kind, begin)
  local keep = keep_ms(kind, stop, now)
  if keep > 0 and amount > used_of(key) then
    redis.call('SET', prefix .. key, whole(math.min(MOST, amount)), 'PX', whole(keep))
  end
end
return 1
