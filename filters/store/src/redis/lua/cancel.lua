-- Takes an admission back of which nobody has heard, whether it was made, or is yet to come.
-- KEYS: the tenant's leases; where the cancellation is noted.
-- ARGV from 3: id, nonce.
local lease = lease_of(ARGV[3])
if lease and lease[1] == ARGV[4] then
  settle(lease[6], { void = true })
  forget(ARGV[3])
else
  redis.call('SET', KEYS[2], '', 'PX', 3600000)
end
return 1
