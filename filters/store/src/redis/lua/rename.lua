-- Puts one cell's sums under another's name.
-- KEYS: the cells. ARGV from 3: the old name, the new one.
local old = redis.call('HGET', KEYS[1], ARGV[3])
if not old then return 0 end
local sums = {}
for number in string.gmatch(old, '%d+') do table.insert(sums, tonumber(number)) end
local i = 0
for number in string.gmatch(redis.call('HGET', KEYS[1], ARGV[4]) or '', '%d+') do
  i = i + 1
  sums[i] = math.min(MOST, sums[i] + tonumber(number))
end
for n, sum in ipairs(sums) do sums[n] = whole(sum) end
redis.call('HSET', KEYS[1], ARGV[4], table.concat(sums, ' '))
redis.call('HDEL', KEYS[1], ARGV[3])
return 1
