-- The records of the next commits behind a revision: about as many as are asked for, and of the last of
-- these commits all.
--
-- KEYS: the records' order by revision; the records. ARGV: the revision; how many.
-- Answers the last commit's revision, and then each record and what it is.
if #KEYS == 0 then return end

local next = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES',
  'LIMIT', 0, ARGV[2])
if #next == 0 then return {} end

local last = next[#next]
local told = { last }
local function tell(record)
  told[#told + 1] = record
  told[#told + 1] = redis.call('HGET', KEYS[2], record) or ''
end

for at = 1, #next, 2 do
  if next[at + 1] ~= last then tell(next[at]) end
end
for _, record in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], last, last)) do tell(record) end
return told
