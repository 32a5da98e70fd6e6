-- Notes that a node lives, and counts those that do.
-- KEYS: the nodes. ARGV from 3: node, for how long it is remembered in ms.
local now = now_ms()
redis.call('ZADD', KEYS[1], whole(now), ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - tonumber(ARGV[4])))
return { redis.call('ZCARD', KEYS[1]), now }
